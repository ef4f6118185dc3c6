/**
 * How an open primary gives up its role, as pure steps: (step, event) -> step. The ports are closed before the first step.
 *
 *   writes --done--> log --done--> target --done--> settings --done--> ended
 *     |               |              `--late--> settings
 *     `--late---------`--late--> killed            `--late, failed--> killed
 *
 *   any step --down--> ended      (the server has ended: nothing is left to close)
 *
 * `writes` refuses writes, and waits until no transaction is under way and no commit waits for its quorum · `log` waits until
 * a majority has the whole log · `target` waits until the next primary has executed all of it · `settings` turns the server
 * into a replica's.
 *
 * A waiting commit is never released by a shutdown or by a change of settings: when the time is over, an unconfirmed commit
 * ends with the server (rule C1). A late target costs only time: it cannot open while a replica has more than it has
 * (REPLICA_AHEAD), and gets the rest from a node that has it.
 */
export const CLOSING_STEPS = ['writes', 'log', 'target', 'settings', 'ended', 'killed'] as const;
export type ClosingStep = (typeof CLOSING_STEPS)[number];

export type ClosingEvent = 'done' | 'late' | 'failed' | 'down';

const TABLE: Readonly<Record<ClosingStep, Readonly<Partial<Record<ClosingEvent, ClosingStep>>>>> = {
  // `failed` means that a transaction is still under way. The step is repeated until the time is over.
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
