// Written by `python -m reloadls.protocol.typescript`; do not edit.
// The wire's shapes, as `server/reloadls/protocol` defines them. A field that equals its default may be omitted.

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

export type MemberState = "applied" | "waiting" | "refused" | "unreachable";

export type PoolSessionState = "starting" | "running";

export type PoolState = "starting" | "running" | "draining" | "closing";

export type RecordsEventType = "snapshot" | "added" | "modified" | "removed" | "expired" | "invalid" | "reset";

/** What to watch, and how. Durations in milliseconds. */
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

/** `reload/status`: whether to include metrics. */
export interface StatusParams {
  readonly metrics?: boolean;
}

/** One path to watch. */
export interface RootStatus {
  readonly uri: string;
  readonly kind: RootKind;
  readonly state: RootState;
  /** The number of its files in scope. */
  readonly files: number;
}

/** The result for one module. */
export interface ModuleReport {
  /** Its dotted name. */
  readonly name: string;
  readonly uri: string;
  readonly status: ModuleStatus;
  /** The qualified names that now run new code. */
  readonly changed?: readonly string[];
  /** Why it could not be applied live, if so. */
  readonly reason?: string | null;
}

/** The program's live sessions after the reload. */
export interface SessionCounts {
  /** Sessions on the new code. */
  readonly rebound?: number;
  /** Sessions still on the old code, which follow at a safe point. */
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

/** The exception that made the program roll the batch back. */
export interface ReportError {
  /** The class of the exception. */
  readonly type: string;
  readonly message: string;
  readonly uri?: string | null;
  /** The position in that file; LSP positions, from 0. */
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
  /** A sentence for people: what was not applied, and why. */
  readonly message: string;
  readonly uri?: string | null;
  /** The position in that file; LSP positions, from 0. */
  readonly range?: Range | null;
  /** The qualified name of the object concerned. */
  readonly name?: string | null;
}

/** The result of one batch in one running program. */
export interface ReloadReport {
  /** The `TargetStatus.id` of the program. */
  readonly target: string;
  /**
   * The batch's position among those that this program applied. A program watches its files itself, so this is not
   * a clock of `reload/didChange`, and it is only comparable within one program.
   */
  readonly clock: string;
  readonly at: string;
  readonly durationMs: number;
  readonly status: ReportStatus;
  readonly modules?: readonly ModuleReport[];
  readonly sessions?: SessionCounts;
  readonly error?: ReportError | null;
  /** Differences from a fresh start. */
  readonly notes?: readonly Note[];
}

/** One live session of a pool. */
export interface PoolSession {
  readonly id: string;
  /** When it was launched. */
  readonly startedAt: string;
  /** `starting` until its first step. */
  readonly state: PoolSessionState;
  /** Whether it holds on to its objects, and to the code as it is. */
  readonly pinned?: boolean;
  /** How many reloads it has followed. */
  readonly rebinds?: number;
  /** Of the last reload that it could not follow. */
  readonly lastError?: string | null;
}

/** One session pool of a running program. */
export interface PoolStatus {
  /** Unique among the pools of the program. */
  readonly name: string;
  readonly state: PoolState;
  /** Live sessions. */
  readonly active: number;
  /** Places. */
  readonly max: number;
  /** Places held for sessions that have not started. */
  readonly reserved?: number;
  /** Launches and reservations that wait for a place. */
  readonly waiting?: number;
  /** Live sessions that are pinned. */
  readonly pinned?: number;
  /** Sessions that have ended by themselves. */
  readonly succeeded?: number;
  /** Sessions that have raised something. */
  readonly failed?: number;
  readonly cancelled?: number;
  /** Sessions that have failed since the last one that has not. */
  readonly consecutiveFailures?: number;
  /** How many reloads the live sessions have followed, in all. */
  readonly rebinds?: number;
  /** Of the last session that failed: its id, and what it raised. */
  readonly lastError?: string | null;
  /** Why it drains, if the program did not ask for it. */
  readonly drainReason?: string | null;
  /** The ids of pinned sessions that a change of code waits for; at most 10. */
  readonly changeWaitsFor?: readonly string[];
  /** In the order of their launch. Of many, those that are pinned or could not follow a reload, then the oldest. */
  readonly sessions?: readonly PoolSession[];
  /** How many live sessions are not listed. */
  readonly more?: number;
}

/** One value that can't be used, so that the last good configuration stays. */
export interface ConfigurationProblem {
  readonly message: string;
  /** The dotted name of the setting. */
  readonly key?: string | null;
  /** What it was read from, for people. */
  readonly source?: string | null;
  /** The file that it was read from. */
  readonly uri?: string | null;
  /** The position in that file; LSP positions, from 0. */
  readonly range?: Range | null;
  /** Since when it is so. */
  readonly since?: string | null;
}

/** One process that uses a configuration together with others. */
export interface ConfigurationMember {
  readonly id: string;
  /** What it runs with. */
  readonly version: string;
  readonly state: MemberState;
  /** Why it refused the last version, if it did. */
  readonly refused?: string | null;
}

/** One live configuration of a running program. */
export interface ConfigurationStatus {
  /** Unique among the configurations of the program. */
  readonly name: string;
  /** What the program runs with; equal where the values are equal. */
  readonly version: string;
  /** When it was applied. */
  readonly updatedAt?: string | null;
  /** What its processes call each other by. */
  readonly group?: string | null;
  /** The id of the member that reads the sources for the group. */
  readonly leader?: string | null;
  readonly leaderSince?: string | null;
  /** Why a newer version is not used; empty if there is none. */
  readonly problems?: readonly ConfigurationProblem[];
  /** The processes of the group, this one included. */
  readonly members?: readonly ConfigurationMember[];
  /** How many members are not listed. */
  readonly more?: number;
}

/** The pool that a worker process hosts sessions for; its program lists them. */
export interface WorkerOf {
  /** The process that has the pool. */
  readonly pid: number;
  /** The name of the pool there. */
  readonly pool: string;
}

/** A process of a program that has not applied a file. */
export interface NotApplied {
  readonly pid: number;
  /** Why. */
  readonly message: string;
  /** Where in the file, if that is known. */
  readonly range?: Range | null;
}

/** A file that some processes of a program have applied and others have not. */
export interface DivergedFile {
  readonly uri: string;
  /** The processes that run it as it is on disk. */
  readonly applied: readonly number[];
  /** The processes that don't. */
  readonly failed: readonly NotApplied[];
}

/** One running program under hot reload. */
export interface TargetStatus {
  /** Unique while it runs. Each process of a program is a target of its own. */
  readonly id: string;
  /** The script or module that was run. */
  readonly name: string;
  readonly pid: number;
  readonly state: TargetState;
  readonly lastReport?: ReloadReport | null;
  /** Its session pools. */
  readonly pools?: readonly PoolStatus[];
  /** Its live configurations. */
  readonly configurations?: readonly ConfigurationStatus[];
  /** The session pool that it is a worker of. */
  readonly workerOf?: WorkerOf | null;
  /** The files that the program's processes have not all applied; only in its first process. */
  readonly diverged?: readonly DivergedFile[];
}

/** A problem that limits the service, which otherwise keeps working. */
export interface Problem {
  readonly code: ProblemCode;
  readonly message: string;
  /** The path concerned, if any. */
  readonly uri?: string | null;
}

/** The delay from a batch's last change to its sending, in milliseconds, over the last thousand batches. */
export interface Lag {
  readonly p50: number;
  readonly p99: number;
}

/** Metrics for operators; the watching figures include all clients that share this subscription. */
export interface Metrics {
  /** Hints received since watching started. */
  readonly hints: number;
  /** Batches sent. */
  readonly batches: number;
  /** Cause of a comparison with the disk -> number of comparisons. */
  readonly reconciles: Readonly<Record<string, number>>;
  /** Overflows of the kernel's event queue. */
  readonly overflows: number;
  /** Kernel watches of the whole process; null where folders are not watched one by one. */
  readonly watches: number | null;
  /** The kernel's limit of watches. */
  readonly watchLimit: number | null;
  readonly lagMs: Lag;
  /** Clients of the process. */
  readonly sessions: number;
  /** Resident memory of the process. */
  readonly memoryBytes: number | null;
}

/** The state of the service: roots, running programs, and problems. */
export interface ReloadStatus {
  readonly state: ServiceState;
  readonly backend: Backend;
  readonly roots: readonly RootStatus[];
  readonly debounceMs: number;
  readonly maxWaitMs: number;
  readonly clock: string;
  readonly targets?: readonly TargetStatus[];
  readonly problems?: readonly Problem[];
  /** Only if requested. */
  readonly metrics?: Metrics | null;
}

/** `reload/refreshPaths`: new paths to watch, or none to resolve the current ones again. */
export interface RefreshPathsParams {
  /** As the option `paths`; absent: resolve the current ones again. */
  readonly paths?: readonly string[] | null;
}

/** The roots after `reload/refreshPaths`, and those that were added and removed (URIs). */
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

/** The clock up to which everything was sent. */
export interface SyncResult {
  readonly clock: string;
}

/** `reload/since`: the clock to compare with; absent: list every file. */
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

/** The changes between the requested clock and `clock`. */
export interface SinceResult {
  readonly clock: string;
  readonly fresh: boolean;
  readonly changes: readonly Change[];
}

/** The params of a method without params: absent, null or an empty object. */
export type NoParams = Readonly<Record<string, never>>;

/** `reload/trigger`: the files to reload now, changed or not; absent: all that programs have loaded. */
export interface TriggerParams {
  readonly uris?: readonly string[] | null;
}

/** `reload/drain`: the session pool that is to admit no more sessions; those that are live end by themselves. */
export interface DrainParams {
  /** The `TargetStatus.id` of the program. */
  readonly target: string;
  /** The `PoolStatus.name`. */
  readonly pool: string;
}

/** What a folder of records holds. */
export interface RecordLayout {
  /** The folders that hold records, in the order of events; empty: every folder. */
  readonly kinds?: readonly string[];
  /** Kind -> the field that holds the end of its records. */
  readonly expires?: Readonly<Record<string, string>>;
  /** Kind -> what extends its records, as `heartbeats.reservation_id -> extended_expires_at`. */
  readonly extendedBy?: Readonly<Record<string, readonly string[]>>;
  /** Kind -> what ends its records, as `releases.reservation_id`. */
  readonly endedBy?: Readonly<Record<string, readonly string[]>>;
}

/** `records/subscribe`: a folder, and which of its records to send. */
export interface RecordsSubscribeParams {
  /** The folder that holds a folder for each kind; within the workspace. */
  readonly uri: string;
  /** The name of a built-in layout, or a layout; absent: every folder is a kind. */
  readonly layout?: string | RecordLayout | null;
  /** Only these kinds, singular or plural; empty: all. */
  readonly kinds?: readonly string[];
  /** Only these ids; empty: all. */
  readonly ids?: readonly string[];
  /** Expressions about the data, as `status=open`; all must match. */
  readonly where?: readonly string[];
  /** The clock to continue from. */
  readonly since?: string | null;
}

/** The name of the new subscription, and the clock up to which its first notification will lead. */
export interface RecordsSubscribeResult {
  readonly subscription: string;
  readonly clock: string;
}

/** `records/unsubscribe`: the subscription to end. */
export interface RecordsUnsubscribeParams {
  readonly subscription: string;
}

/** `records/sync`: the subscription, and how long to wait, in milliseconds from 0 to 600000. */
export interface RecordsSyncParams {
  readonly subscription: string;
  readonly timeoutMs?: number;
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

/** One event of a subscription. */
export interface RecordsEvent {
  readonly eventType: RecordsEventType;
  /** The name of the record's folder; empty for `reset`. */
  readonly kind: string;
  /** The name of its file without `.json`; empty where the event is about no record. */
  readonly id: string;
  /** When it was noticed; of `expired`, when the record ended. */
  readonly timestamp: string;
  /** The record, with `expired` true if it has expired; of `removed`, as it was. */
  readonly data: Readonly<Record<string, unknown>>;
}

/** Events of one subscription. */
export interface RecordsDidChangeParams {
  readonly subscription: string;
  /** Where a later subscription continues that has received these events. */
  readonly clock: string;
  readonly events: readonly RecordsEvent[];
  /** True on every part but the last of events that are sent in parts. */
  readonly partial?: boolean;
}

/** The default of each option. */
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
  "reload/drain": { params: DrainParams; result: ReloadStatus };
  "records/subscribe": { params: RecordsSubscribeParams; result: RecordsSubscribeResult };
  "records/unsubscribe": { params: RecordsUnsubscribeParams; result: NoParams };
  "records/sync": { params: RecordsSyncParams; result: SyncResult };
}

/** Notification -> its params. */
export interface Notifications {
  "reload/didChange": ChangeBatch;
  "reload/didChangeStatus": ReloadStatus;
  "reload/didReload": ReloadReport;
  "records/didChange": RecordsDidChangeParams;
}

/** The version of these shapes. */
export const protocolVersion = 1;
