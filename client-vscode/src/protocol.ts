// Written by `python -m reloadls.protocol.typescript`; do not edit.
// The wire's shapes, as `server/reloadls/protocol` defines them. A field that equals its default may be left out.

export type Backend = "native" | "polling";

export type Cause = "watch" | "refresh" | "rescan" | "save" | "startup";

export type ChangeType = "created" | "modified" | "deleted";

export type ProblemCode = "badOption" | "missingPath" | "permissionDenied" | "unreadable" | "timedOut" | "tooManyFiles" | "watchLimit" | "backendFailed" | "undecodable" | "unusableFolder" | "badPattern" | "stateFailed";

export type RootKind = "file" | "directory";

export type RootState = "watching" | "missing" | "denied" | "timedOut" | "polling";

export type ServiceState = "starting" | "watching" | "paused" | "degraded" | "stopped";

export type TargetState = "starting" | "live" | "paused" | "restarting" | "failed" | "gone";

export type ModuleStatus = "reloaded" | "unchanged" | "rolledBack" | "restartRequired" | "skipped";

export type NoteCode = "stillRunning" | "stillHeld" | "notUndone" | "later" | "notFollowed";

export type ReportStatus = "reloaded" | "unchanged" | "restartRequired" | "restarted" | "failed";

/** What to watch and how; durations in milliseconds. */
export interface Options {
  /**
   * Files or folders, as given: absolute, `file://`, or relative to the first workspace folder. null: the workspace
   * folders, else the working directory.
   */
  readonly paths?: readonly string[] | null;
  /** Gitignore-style patterns; only matches are reported. Empty: everything. */
  readonly include?: readonly string[];
  /** Added to the built-in ones. */
  readonly exclude?: readonly string[];
  readonly useGitignore?: boolean;
  /** Quiet time after the last change before a batch is sent, 1 to 60000. */
  readonly debounceMs?: number;
  /** A batch is sent at the latest this long after its first change; at least `debounce_ms`. */
  readonly maxWaitMs?: number;
  /** Poll instead of native notifications. null: decide by the file system. */
  readonly forcePolling?: boolean | null;
  /** Time between polls, 50 to 60000. */
  readonly pollDelayMs?: number;
  /** Also send `workspace/didChangeWatchedFiles`. */
  readonly watchedFiles?: boolean;
}

/** `reload/status`: whether to give figures, too. */
export interface StatusParams {
  readonly metrics?: boolean;
}

/** One path that is watched, or would be if it could. */
export interface RootStatus {
  readonly uri: string;
  readonly kind: RootKind;
  readonly state: RootState;
  /** How many files in it are in scope now. */
  readonly files: number;
}

/** What became of one module. */
export interface ModuleReport {
  /** Its dotted name. */
  readonly name: string;
  readonly uri: string;
  readonly status: ModuleStatus;
  /** The qualified names that now run new code. */
  readonly changed?: readonly string[];
  /** Why it could not be done live, where it couldn't. */
  readonly reason?: string | null;
}

/** What became of the program's live sessions. */
export interface SessionCounts {
  /** On the new code now. */
  readonly rebound?: number;
  /** Still on the old code, to follow at a safe point. */
  readonly pinned?: number;
  readonly failed?: number;
}

/** Position in a text document expressed as zero-based line and character offset. */
export interface Position {
  /** Line position in a document (zero-based). */
  readonly line: number;
  /** Character offset on a line in a document (zero-based). */
  readonly character: number;
}

/** A range in a text document expressed as (zero-based) start and end positions. */
export interface Range {
  /** The range's start position. */
  readonly start: Position;
  /** The range's end position. */
  readonly end: Position;
}

/** The exception that made the program take the batch back. */
export interface ReportError {
  /** The class of the exception. */
  readonly type: string;
  readonly message: string;
  readonly uri?: string | null;
  /** Where in that file; LSP positions, from 0. */
  readonly range?: Range | null;
  readonly traceback?: string | null;
}

/** One way in which the program differs from a fresh start, although the files were reloaded. */
export interface Note {
  /**
   * stillRunning: old code is on a stack. stillHeld: something holds an old object. notUndone: an effect of an
   * edited or removed statement remains. later: it takes effect with the next call of a factory or the next
   * process. notFollowed: the file is loaded, but edits of it are not applied.
   */
  readonly code: NoteCode;
  /** A sentence for people: what is not live, and why. */
  readonly message: string;
  readonly uri?: string | null;
  /** Where in that file; LSP positions, from 0. */
  readonly range?: Range | null;
  /** The qualified name of what it is about. */
  readonly name?: string | null;
}

/** What one running program did with one batch. */
export interface ReloadReport {
  /** The `TargetStatus.id` of the program. */
  readonly target: string;
  /**
   * The batch's position among those that this program took up. A program watches by itself and may know of a
   * change before the service has told it, so this is no clock of `reload/didChange`, and only comparable for one
   * program.
   */
  readonly clock: string;
  readonly at: string;
  readonly durationMs: number;
  readonly status: ReportStatus;
  readonly modules?: readonly ModuleReport[];
  readonly sessions?: SessionCounts;
  readonly error?: ReportError | null;
  /** What falls short of a fresh start. */
  readonly notes?: readonly Note[];
}

/** One running program that takes batches up. */
export interface TargetStatus {
  /** Its own as long as it runs. Several processes of one program are several targets. */
  readonly id: string;
  /** The script or module that was run. */
  readonly name: string;
  readonly pid: number;
  readonly state: TargetState;
  readonly lastReport?: ReloadReport | null;
}

/** Something that keeps the service from doing all it was asked; it works on otherwise. */
export interface Problem {
  readonly code: ProblemCode;
  readonly message: string;
  /** Where, if it is about a path. */
  readonly uri?: string | null;
}

/** From a batch's last change to its being told, in milliseconds, of the last thousand batches. */
export interface Lag {
  readonly p50: number;
  readonly p99: number;
}

/** How the service does, for who operates it; the watching is that which this client shares with others. */
export interface Metrics {
  /** How many hints have come since watching began. */
  readonly hints: number;
  /** How many batches were told. */
  readonly batches: number;
  /** Why the disk was compared -> how often. */
  readonly reconciles: Readonly<Record<string, number>>;
  /** How often the kernel's queue of events was full. */
  readonly overflows: number;
  /** How many folders the kernel watches for the whole process; null where it is not asked one by one. */
  readonly watches: number | null;
  /** How many it would. */
  readonly watchLimit: number | null;
  readonly lagMs: Lag;
  /** How many clients the process has. */
  readonly sessions: number;
  /** What the process holds in memory. */
  readonly memoryBytes: number | null;
}

/** How the service is: what it watches and how, who listens, and what is wrong. */
export interface ReloadStatus {
  readonly state: ServiceState;
  readonly backend: Backend;
  readonly roots: readonly RootStatus[];
  readonly debounceMs: number;
  readonly maxWaitMs: number;
  readonly clock: string;
  readonly targets?: readonly TargetStatus[];
  readonly problems?: readonly Problem[];
  /** Only where it was asked for. */
  readonly metrics?: Metrics | null;
}

/** `reload/refreshPaths`: new paths to watch, or the same ones looked up again. */
export interface RefreshPathsParams {
  /** As the option `paths`; absent: look the present ones up again. */
  readonly paths?: readonly string[] | null;
}

/** What is watched after `reload/refreshPaths`, and which roots came and went (URIs). */
export interface RefreshPathsResult {
  readonly roots: readonly RootStatus[];
  readonly added: readonly string[];
  readonly removed: readonly string[];
  readonly clock: string;
}

/** `reload/sync`: how long to wait, in milliseconds from 0 to 600000. */
export interface SyncParams {
  readonly timeoutMs?: number;
}

/** The state of which everything has been sent. */
export interface SyncResult {
  readonly clock: string;
}

/** `reload/since`: the state to compare with; absent: everything. */
export interface SinceParams {
  readonly clock?: string | null;
}

/** One path's net change over a window. */
export interface Change {
  readonly uri: string;
  readonly type: ChangeType;
  /** The URI the file had before, on the `created` half of a recognised rename. */
  readonly renamedFrom?: string | null;
}

/** What differs between the state asked about and `clock`. */
export interface SinceResult {
  readonly clock: string;
  readonly fresh: boolean;
  readonly changes: readonly Change[];
}

/** The params of a method that takes none: absent, null or an empty object. */
export type NoParams = Readonly<Record<string, never>>;

/** `reload/trigger`: the files to take up now, changed or not; absent: all that programs have loaded. */
export interface TriggerParams {
  readonly uris?: readonly string[] | null;
}

/** Everything that changed between two clocks; each path at most once, in the order first noticed. */
export interface ChangeBatch {
  /** The state after this batch. */
  readonly clock: string;
  /** The state before it. */
  readonly since: string;
  /** When it was sent. */
  readonly at: string;
  readonly cause: Cause;
  readonly changes: readonly Change[];
  /** True on every part but the last of a batch that is sent in parts. */
  readonly partial?: boolean;
}

/** What an option is where it is not set. */
export const optionDefaults: Required<Options> = {
  paths: null,
  include: [],
  exclude: [],
  useGitignore: true,
  debounceMs: 200,
  maxWaitMs: 2000,
  forcePolling: null,
  pollDelayMs: 300,
  watchedFiles: true,
};

/** Request -> its params and result. */
export interface Requests {
  "reload/status": { params: StatusParams; result: ReloadStatus };
  "reload/refreshPaths": { params: RefreshPathsParams; result: RefreshPathsResult };
  "reload/sync": { params: SyncParams; result: SyncResult };
  "reload/since": { params: SinceParams; result: SinceResult };
  "reload/pause": { params: NoParams; result: ReloadStatus };
  "reload/resume": { params: NoParams; result: ReloadStatus };
  "reload/trigger": { params: TriggerParams; result: readonly ReloadReport[] };
}

/** Notification -> its params. */
export interface Notifications {
  "reload/didChange": ChangeBatch;
  "reload/didChangeStatus": ReloadStatus;
  "reload/didReload": ReloadReport;
}

/** The version of these shapes. */
export const protocolVersion = 1;
