/** How a test waits: for a condition, until a deadline. */

/** How much more time than the product promises is given where the machine is busy. */
export const SLACK = Number(process.env.RELOADLS_E2E_SLACK ?? "1");

/** Milliseconds after which something that has no deadline of its own has failed. */
export const PATIENCE = 20_000 * Math.max(1, SLACK);

const PACE = 15;

/** What `probe` gives once it is neither false, null nor undefined; what it throws meanwhile counts as not yet. */
export async function until<T>(
  what: string,
  probe: () => T | Promise<T>,
  within: number = PATIENCE,
): Promise<NonNullable<Exclude<T, false>>> {
  const deadline = performance.now() + within;
  let last: unknown;
  for (;;) {
    try {
      last = await probe();
      if (last !== false && last !== null && last !== undefined) {
        return last as NonNullable<Exclude<T, false>>;
      }
    } catch (error) {
      last = error;
    }
    if (performance.now() > deadline) {
      throw new Error(`not within ${Math.round(within)} ms: ${what} (last: ${String(last)})`);
    }
    await new Promise((resolve) => setTimeout(resolve, PACE));
  }
}
