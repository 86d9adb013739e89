/**
 * Every promise that the load was given: what it is, until when it has to settle, and what became of it. Settling late,
 * or never, is what the soak is looking for.
 */
export class Ledger {
  /** Timers of a busy process are late: a promise counts as overdue only beyond this. */
  static graceMs = 1_500;
  outcomes = {};
  overdue = [];
  #open = new Map();
  #serial = 0;

  /** Runs one operation that has to settle within `limitMs`. Never rejects. */
  async enter(name, limitMs, operation) {
    const id = (this.#serial += 1);
    const entry = { name, startedAt: performance.now(), limitMs };
    this.#open.set(id, entry);
    const counts = (this.outcomes[name] ??= { ok: 0, failed: {} });
    try {
      await operation();
      counts.ok += 1;
    } catch (error) {
      const kind = error?.code ?? error?.name ?? 'unknown';
      counts.failed[kind] = (counts.failed[kind] ?? 0) + 1;
    }
    this.#open.delete(id);
    this.#checkTime(entry);
  }

  /** Operations that should have settled by now and have not. */
  stuck() {
    const now = performance.now();
    return [...this.#open.values()].filter(({ startedAt, limitMs }) => now - startedAt > limitMs + Ledger.graceMs);
  }

  get open() {
    return this.#open.size;
  }

  get settled() {
    return Object.values(this.outcomes).reduce(
      (sum, { ok, failed }) => sum + ok + Object.values(failed).reduce((a, b) => a + b, 0),
      0,
    );
  }

  #checkTime({ name, startedAt, limitMs }) {
    const tookMs = performance.now() - startedAt;
    if (tookMs > limitMs + Ledger.graceMs) this.overdue.push({ name, tookMs: Math.round(tookMs), limitMs });
  }
}
