import { beforeEach, describe, expect, test, vi } from "vitest";

import type { ServerState } from "../src/model/serverState.ts";
import { type Launch, launchOf } from "../src/server/launch.ts";
import { LogLines } from "../src/server/logLines.ts";
import type { Depth, Probe } from "../src/server/probe.ts";
import { Restarts, restartLimits } from "../src/server/restarts.ts";
import { type Connection, type Ground, NotRunning, Server } from "../src/server/server.ts";
import type { Trouble } from "../src/server/trouble.ts";

const good = {
  kind: "answered",
  python: { version: [3, 13, 0], executable: "/py", reloadls: "0.2.0", error: null, missing: null },
} as const;

function launch(python: string): Launch {
  return launchOf({
    python,
    strategy: "useBundled",
    bundledLibs: "/libs",
    hasBundled: true,
    inheritedPythonPath: undefined,
    cwd: "/w",
  });
}

/** One process that a test holds the strings of. */
class Process implements Connection {
  stopped = false;
  readonly configured: unknown[] = [];

  constructor(
    readonly launch: Launch,
    readonly die: () => void,
    private readonly world: World,
  ) {}

  async start(): Promise<void> {
    await this.world.starting(this);
  }

  async stop(): Promise<void> {
    this.stopped = true;
  }

  async configure(options: unknown): Promise<void> {
    this.configured.push(options);
  }

  async request(method: string): Promise<never> {
    return { method } as never;
  }
}

class World implements Ground {
  trusted = true;
  python = "/py";
  now_ = 0;
  found: Probe = good;
  foundDeep: Probe | undefined;
  probes = 0;
  starting: (process: Process) => Promise<void> = async () => {};
  readonly processes: Process[] = [];
  readonly told: Trouble[] = [];
  readonly lines = new LogLines();
  readonly restarts = new Restarts();

  isTrusted(): boolean {
    return this.trusted;
  }

  async launch(): Promise<Launch> {
    return launch(this.python);
  }

  async probe(_launch: Launch, depth: Depth): Promise<Probe> {
    this.probes += 1;
    return depth === "deep" ? (this.foundDeep ?? this.found) : this.found;
  }

  connect(of: Launch, onClosed: () => void): Connection {
    const process = new Process(of, onClosed, this);
    this.processes.push(process);
    return process;
  }

  options() {
    return { debounceMs: 5 };
  }

  tell(trouble: Trouble): void {
    this.told.push(trouble);
  }

  log(): void {}

  now(): number {
    return this.now_;
  }
}

describe("the server", () => {
  let world: World;
  let server: Server;
  let states: string[];

  beforeEach(() => {
    vi.useFakeTimers();
    world = new World();
    server = new Server(world);
    states = [];
    server.changed.listen((state: ServerState) => states.push(state.kind));
    return () => vi.useRealTimers();
  });

  /** Lets whatever is due be done. */
  async function pass(ms = 0): Promise<void> {
    await vi.advanceTimersByTimeAsync(ms);
  }

  test("is found, started, and asked", async () => {
    await server.restart();
    expect(states).toEqual(["starting", "running"]);
    expect(world.processes).toHaveLength(1);
    expect(await server.request("reload/status", {})).toEqual({ method: "reload/status" });
  });

  test("can't be asked before", async () => {
    await expect(server.request("reload/status", {})).rejects.toThrow(NotRunning);
  });

  test("starts nothing in a workspace that is not trusted, and does once it is", async () => {
    world.trusted = false;
    await server.restart();
    expect(server.state.kind).toBe("restricted");
    expect(world.probes + world.processes.length).toBe(0);
    world.trusted = true;
    await server.restart();
    expect(server.state.kind).toBe("running");
  });

  test("says once why an interpreter won't do, and tries another when it is set", async () => {
    world.found = { kind: "notFound" };
    await server.restart();
    expect(server.state).toMatchObject({ kind: "stopped", reason: expect.stringContaining("no Python at '/py'") });
    expect(world.told).toHaveLength(1);
    await pass(600_000);
    expect(world.probes).toBe(1);

    world.found = good;
    world.python = "/better";
    await server.reconsider();
    expect(server.state.kind).toBe("running");
    expect(world.processes.map((process) => process.launch.python)).toEqual(["/better"]);
  });

  test("is left alone if what would be started is what runs", async () => {
    await server.restart();
    await server.reconsider();
    expect(world.processes).toHaveLength(1);
    world.python = "/other";
    await server.reconsider();
    expect(world.processes).toHaveLength(2);
    expect(world.processes[0]?.stopped).toBe(true);
  });

  test("comes back when it dies, without asking the interpreter again, and gives up after too often", async () => {
    await server.restart();
    for (let death = 1; death <= restartLimits.most; death += 1) {
      world.processes.at(-1)?.die();
      expect(server.state).toEqual({ kind: "restarting", attempt: death });
      await pass(10_000);
      expect(server.state.kind).toBe("running");
    }
    expect(world.probes).toBe(1);
    world.processes.at(-1)?.die();
    await pass(600_000);
    expect(server.state.kind).toBe("stopped");
    expect(world.processes).toHaveLength(1 + restartLimits.most);
    expect(world.told).toEqual([
      { message: expect.stringContaining("crashed 5 times"), remedies: ["restart", "showLog"] },
    ]);

    await server.restart();
    expect(server.state.kind).toBe("running");
    world.processes.at(-1)?.die();
    expect(server.state).toEqual({ kind: "restarting", attempt: 1 });
  });

  test("may die now and then", async () => {
    await server.restart();
    for (let death = 0; death < 20; death += 1) {
      world.now_ += restartLimits.withinMs;
      world.processes.at(-1)?.die();
      await pass(10_000);
      expect(server.state.kind).toBe("running");
    }
    expect(world.told).toEqual([]);
  });

  test("that never comes up counts as one that dies", async () => {
    world.starting = async () => {
      throw new Error("initialize failed");
    };
    await server.restart();
    await pass(600_000);
    expect(server.state.kind).toBe("stopped");
    expect(world.processes).toHaveLength(1 + restartLimits.most);
    expect(world.processes.every((process) => process.stopped)).toBe(true);
  });

  test("that dies before it came up is looked into, and what is broken is said", async () => {
    world.starting = async (process) => process.die();
    world.foundDeep = {
      kind: "answered",
      python: { ...good.python, reloadls: null, error: "No module named 'pygls'", missing: "pygls" },
    };
    await server.restart();
    await pass(600_000);
    expect(server.state).toMatchObject({ kind: "stopped", reason: expect.stringContaining("No module named 'pygls'") });
    expect(world.processes).toHaveLength(1);
    expect(world.told).toHaveLength(1);
  });

  test("that does not answer is not waited for without end", async () => {
    world.starting = () => new Promise(() => {});
    void server.restart();
    await pass(31_000);
    expect(server.state.kind).toBe("restarting");
    expect(world.processes[0]?.stopped).toBe(true);
  });

  test("that is stopped while it starts does not come up", async () => {
    let come: () => void = () => {};
    world.starting = () =>
      new Promise((resolve) => {
        come = resolve;
      });
    void server.restart();
    await pass();
    await server.stop();
    come();
    await pass(600_000);
    expect(server.state.kind).toBe("starting");
    expect(world.processes).toHaveLength(1);
    expect(world.processes[0]?.stopped).toBe(true);
  });

  test("the end of one that was replaced changes nothing", async () => {
    await server.restart();
    await server.restart();
    world.processes[0]?.die();
    await pass(600_000);
    expect(server.state.kind).toBe("running");
    expect(world.processes).toHaveLength(2);
    await server.configure();
    expect(world.processes[1]?.configured).toHaveLength(1);
  });

  test("is sent its options again, but only while it runs", async () => {
    await server.configure();
    await server.restart();
    await server.configure();
    expect(world.processes[0]?.configured).toEqual([{ debounceMs: 5 }]);
  });
});

describe("its log", () => {
  test.each([
    ["2026-01-31 12:00:00,123 WARNING reloadls.x: careful", "warn", "reloadls.x: careful"],
    ["2026-01-31 12:00:00,123 INFO    reloadls: begun", "info", "reloadls: begun"],
    ["Traceback (most recent call last):", "error", "Traceback (most recent call last):"],
    ["just a word", "info", "just a word"],
  ])("%s", (line, level, text) => {
    expect(new LogLines().read(line)).toEqual({ level, text });
  });

  test("goes on at the level where it was, and keeps the last lines", () => {
    const lines = new LogLines();
    lines.read("2026-01-31 12:00:00,123 ERROR   reloadls: broken");
    expect(lines.read("  File x").level).toBe("error");
    for (let index = 0; index < 100; index += 1) {
      lines.read(String(index));
    }
    expect(lines.tail).toHaveLength(30);
    expect(lines.tail.at(-1)).toBe("99");
  });
});
