// @parcel/watcher on its inotify backend, else with its defaults. (It would use Watchman where that is installed.)

import { calling, failed, load, ready, started, tell } from './telling.mjs';

const kinds = { create: 'created', update: 'modified', delete: 'deleted' };
const { default: watcher } = await load('@parcel/watcher');

function report(error, events) {
    if (error) return failed(error);
    for (const { type, path } of events) tell(kinds[type], path);
}

calling();
try {
    await watcher.subscribe(process.argv[2], report, { backend: 'inotify' });
} catch (error) {
    failed(error);
    process.exit(1);
}
started();
ready();
setInterval(() => {}, 2 ** 30);
