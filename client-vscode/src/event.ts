/** Events: listeners are called when something happens, each isolated from the others' errors. */

export interface Subscription {
  dispose(): void;
}

export class Event<T> {
  private readonly listeners = new Set<(value: T) => void>();

  constructor(private readonly onFault: (fault: unknown) => void = () => {}) {}

  listen(listener: (value: T) => void): Subscription {
    this.listeners.add(listener);
    return { dispose: () => this.listeners.delete(listener) };
  }

  fire(value: T): void {
    for (const listener of [...this.listeners]) {
      try {
        listener(value);
      } catch (fault) {
        this.onFault(fault);
      }
    }
  }
}
