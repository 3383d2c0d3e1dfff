/** Which interpreter the Python extension has chosen for the workspace, where that extension is installed. */

import { type Disposable, type Event, extensions, type Uri } from "vscode";

/** The part of the API of ms-python.python that is used here. */
interface PythonApi {
  readonly environments: {
    getActiveEnvironmentPath(resource?: Uri): { readonly id: string; readonly path: string };
    resolveEnvironment(
      path: string | { id: string; path: string },
    ): Promise<{ readonly executable: { readonly uri: Uri | undefined } } | undefined>;
    readonly onDidChangeActiveEnvironmentPath: Event<unknown>;
  };
}

const identity = "ms-python.python";
/** How long, in milliseconds, that extension may take to start. */
const patienceMs = 4000;

export function hasPythonExtension(): boolean {
  return extensions.getExtension(identity) !== undefined;
}

/** The interpreter that is chosen there. That extension is only woken when it is asked for. */
export class ChosenPython implements Disposable {
  private listening: Disposable | undefined;

  /** `onChange` is called when another one is chosen. */
  constructor(private readonly onChange: () => void) {}

  /** Its path; nothing if there is none, or the extension does not say. */
  async path(resource: Uri | undefined): Promise<string | undefined> {
    const api = await inTime(pythonApi());
    if (!api) {
      return undefined;
    }
    this.listening ??= api.environments.onDidChangeActiveEnvironmentPath(this.onChange);
    const resolved = await inTime(
      api.environments.resolveEnvironment(api.environments.getActiveEnvironmentPath(resource)),
    );
    return resolved?.executable.uri?.fsPath;
  }

  dispose(): void {
    this.listening?.dispose();
  }
}

async function pythonApi(): Promise<PythonApi | undefined> {
  const api = (await extensions.getExtension<Partial<PythonApi>>(identity)?.activate()) ?? {};
  return api.environments ? { environments: api.environments } : undefined;
}

async function inTime<T>(work: Promise<T>): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const over = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), patienceMs);
  });
  try {
    return await Promise.race([work, over]);
  } catch {
    return undefined; // a fault there is no reason not to start with another interpreter
  } finally {
    clearTimeout(timer);
  }
}
