/**
 * How an open primary gives its role up, as pure steps: (state, event) -> state. The ports are closed before the first one.
 *
 *   writes --done--> log --done--> target --done--> settings --done--> ended
 *     |               |              `--late--> settings
 *     `--late---------`--late--> killed            `--late, failed--> killed
 *
 *   any step --down--> ended      (the server died: nothing is left to close)
 *
 * `writes`: no transaction is under way and none waits for its quorum · `log`: a majority has everything · `target`: the
 * next primary has executed everything · `settings`: the server becomes a replica's.
 *
 * A commit that waits is never released by a shutdown or by settings: what is not confirmed when the time is over dies with
 * the server (rule C1). A target that is late costs only time: it cannot open while a replica has more than it has
 * (REPLICA_AHEAD), and gets the rest from a node that has it.
 */
export const CLOSING_STEPS = ['writes', 'log', 'target', 'settings', 'ended', 'killed'] as const;
export type ClosingStep = (typeof CLOSING_STEPS)[number];

export type ClosingEvent = 'done' | 'late' | 'failed' | 'down';

const TABLE: Readonly<Record<ClosingStep, Readonly<Partial<Record<ClosingEvent, ClosingStep>>>>> = {
  // What fails here is a transaction that is under way: it is tried again until it is late.
  writes: { done: 'log', late: 'killed', down: 'ended' },
  log: { done: 'target', late: 'killed', down: 'ended' },
  target: { done: 'settings', late: 'settings', down: 'ended' },
  settings: { done: 'ended', late: 'killed', failed: 'killed', down: 'ended' },
  ended: {},
  killed: {},
};

export function closingStep(step: ClosingStep, event: ClosingEvent): ClosingStep {
  return TABLE[step][event] ?? step;
}
