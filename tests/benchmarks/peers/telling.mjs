// What a peer that runs on Node says; see __init__.py. Reports of one turn of the event loop make one line.

import { writeSync } from 'node:fs';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const now = () => Number(process.hrtime.bigint());
const say = (line) => writeSync(1, JSON.stringify(line) + '\n');

export const calling = () => say({ calling: now() });
export const started = () => say({ started: now(), pids: [process.pid] });
export const ready = () => say({ ready: now() });
export const failed = (why) => say({ failed: String(why) });

let events = [];
let last = 0;

export function tell(kind, path) {
    if (events.length === 0) setImmediate(flush);
    last = now();
    events.push([kind, path]);
}

function flush() {
    const told = events;
    events = [];
    say({ t: last, events: told });
}

/** A package from the folder that BENCH_MODULES names. */
export function load(name) {
    const require = createRequire(process.env.BENCH_MODULES + '/none.js');
    return import(pathToFileURL(require.resolve(name)).href);
}
