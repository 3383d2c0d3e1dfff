// chokidar with its defaults, but silent about what is there already; the package's name is the second argument.

import { calling, failed, load, ready, started, tell } from './telling.mjs';

const { watch } = await load(process.argv[3]);

calling();
watch(process.argv[2], { ignoreInitial: true })
    .on('add', (path) => tell('created', path))
    .on('change', (path) => tell('modified', path))
    .on('unlink', (path) => tell('deleted', path))
    .on('error', failed)
    .on('ready', () => {
        started();
        ready();
    });
