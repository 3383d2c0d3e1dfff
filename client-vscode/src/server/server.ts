/** The server's life: found, started, started again when it dies, and stopped. */

import { Event, type Subscription } from "../event.ts";
import { t } from "../l10n.ts";
import type { ServerState } from "../model/serverState.ts";
import type { Options, Requests } from "../protocol.ts";
import { commandOf, isSameLaunch, type Launch } from "./launch.ts";
import type { LogLines } from "./logLines.ts";
import type { Depth, Probe, Python } from "./probe.ts";
import type { Restarts } from "./restarts.ts";
import { type Trouble, troubleWith, versionOf } from "./trouble.ts";

/** How long a server may take to answer `initialize`. */
const startSeconds = 30;

/** A connection to one process. */
export interface Connection {
  start(): Promise<void>;
  stop(): Promise<void>;
  request<M extends keyof Requests>(method: M, params: Requests[M]["params"]): Promise<Requests[M]["result"]>;
  configure(options: Options): Promise<void>;
}

/** What the server's life rests on. */
export interface Ground {
  isTrusted(): boolean;
  launch(): Promise<Launch>;
  probe(launch: Launch, depth: Depth): Promise<Probe>;
  connect(launch: Launch, onClosed: () => void): Connection;
  options(): Options;
  /** Shows a message with its remedies. */
  tell(trouble: Trouble): void;
  log(level: "info" | "warn" | "error", text: string): void;
  now(): number;
  readonly lines: LogLines;
  readonly restarts: Restarts;
}

/** The server does not run, so it can't be asked. */
export class NotRunning extends Error {}

export class Server implements Subscription {
  readonly changed: Event<ServerState>;
  python: Python | undefined;
  launched: Launch | undefined;
  private current: ServerState = { kind: "starting" };
  private connection: Connection | undefined;
  /** What was launched last has run. */
  private cameUp = false;
  /** Grows with every start and stop: whatever belongs to an earlier one is too late. */
  private turn = 0;
  private timer: NodeJS.Timeout | undefined;

  constructor(private readonly ground: Ground) {
    this.changed = new Event((fault) => ground.log("error", String(fault)));
  }

  get state(): ServerState {
    return this.current;
  }

  get restartsLately(): number {
    return this.ground.restarts.lately;
  }

  /** The newest lines of the server's log. */
  get lastLines(): readonly string[] {
    return this.ground.lines.tail;
  }

  /** Starts, or starts anew, with a clean slate. */
  async restart(): Promise<void> {
    this.ground.restarts.forget();
    await this.start({ kind: "starting" });
  }

  /** Starts anew if what would be started is not what runs. */
  async reconsider(): Promise<void> {
    const turn = this.turn;
    const launch = this.ground.isTrusted() ? await this.ground.launch() : undefined;
    const same = launch && this.launched && isSameLaunch(launch, this.launched);
    if (turn === this.turn && (!same || this.current.kind === "stopped")) {
      await this.restart();
    }
  }

  async request<M extends keyof Requests>(method: M, params: Requests[M]["params"]): Promise<Requests[M]["result"]> {
    if (!this.connection || this.current.kind !== "running") {
      throw new NotRunning(t("The Hot Reload server is not running."));
    }
    return this.connection.request(method, params);
  }

  /** Sends the options again. */
  async configure(): Promise<void> {
    if (this.current.kind !== "running") {
      return; // it asks for them when it comes up
    }
    try {
      await this.connection?.configure(this.ground.options());
    } catch (error) {
      this.ground.log("warn", `the settings could not be sent: ${messageOf(error)}`);
    }
  }

  async stop(): Promise<void> {
    this.turn += 1;
    clearTimeout(this.timer);
    const { connection } = this;
    this.connection = undefined;
    try {
      await connection?.stop();
    } catch (error) {
      // It has died meanwhile, or could not say goodbye: either way it is gone.
      this.ground.log("info", `the server did not stop by itself: ${messageOf(error)}`);
    }
  }

  dispose(): void {
    void this.stop();
  }

  private async start(state: ServerState): Promise<void> {
    await this.stop();
    const turn = ++this.turn;
    if (!this.ground.isTrusted()) {
      this.be({ kind: "restricted" });
      return;
    }
    this.be(state);
    try {
      const launch = await this.ground.launch();
      if (turn === this.turn && (await this.isFit(launch, turn))) {
        await this.connect(launch, turn);
      }
    } catch (error) {
      if (turn === this.turn) {
        this.ended(turn, messageOf(error));
      }
    }
  }

  /** Whether the interpreter can be used; if not, that is shown. */
  private async isFit(launch: Launch, turn: number): Promise<boolean> {
    const again = this.current.kind === "restarting" && this.launched && isSameLaunch(launch, this.launched);
    if (again && this.cameUp) {
      return true; // it ran just now
    }
    this.launched = launch;
    this.cameUp = false;
    this.ground.log("info", `starting ${commandOf(launch).join(" ")} (${launch.strategy})`);
    // What has died before it came up may be broken in a way that only loading it shows.
    const probe = await this.ground.probe(launch, again ? "deep" : "light");
    if (turn !== this.turn) {
      return false;
    }
    this.python = probe.kind === "answered" ? probe.python : undefined;
    const trouble = troubleWith(probe, launch);
    if (!trouble) {
      return true;
    }
    this.ground.log("error", trouble.message);
    this.be({ kind: "stopped", reason: trouble.message });
    this.ground.tell(trouble);
    return false;
  }

  private async connect(launch: Launch, turn: number): Promise<void> {
    const connection = this.ground.connect(launch, () => {
      if (turn === this.turn) {
        this.connection = undefined; // there is nothing left to stop
        this.ended(turn, "the connection was closed");
      }
    });
    this.connection = connection;
    await inTime(connection.start(), startSeconds);
    if (turn !== this.turn) {
      return;
    }
    if (this.python) {
      this.ground.log("info", `running: reloadls ${this.python.reloadls}, Python ${versionOf(this.python)}`);
    }
    this.cameUp = true;
    this.be({ kind: "running" });
  }

  /** It is over, without anybody's having asked for it. */
  private ended(turn: number, why: string): void {
    if (turn !== this.turn) {
      return;
    }
    this.turn += 1;
    const { connection } = this;
    this.connection = undefined;
    connection?.stop().catch(() => {}); // it may be gone already
    const verdict = this.ground.restarts.ended(this.ground.now());
    const lastWords = this.ground.lines.tail.at(-1);
    this.ground.log("warn", `the server has ended: ${why}${lastWords ? ` (${lastWords})` : ""}`);
    if (verdict.restart) {
      this.be({ kind: "restarting", attempt: verdict.attempt });
      this.timer = setTimeout(() => void this.start(this.current), verdict.afterMs);
      return;
    }
    const message = t("The Hot Reload server crashed {0} times recently and is not restarted.", verdict.ends);
    this.be({ kind: "stopped", reason: message });
    this.ground.tell({ message, remedies: ["restart", "showLog"] });
  }

  private be(state: ServerState): void {
    this.current = state;
    this.changed.fire(state);
  }
}

async function inTime(work: Promise<void>, seconds: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const over = new Promise<void>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${seconds} seconds`)), seconds * 1000);
  });
  try {
    await Promise.race([work, over]);
  } finally {
    clearTimeout(timer);
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
