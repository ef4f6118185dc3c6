/** What a node's log tells of the seed that filled it. Pure. */

export interface SeedFigures {
  readonly donor: string;
  /** Of the snapshot as it travelled. */
  readonly bytes: number;
  /** In their order, milliseconds; `starting` ends with the first, `opening` follows the last. */
  readonly phases: readonly { readonly name: string; readonly ms: number }[];
  readonly transferMs: number;
  readonly prepareMs: number;
  /** Until all of it is on the disk. */
  readonly syncMs: number;
}

interface LogLine {
  readonly time: string;
  readonly msg: string;
  readonly [name: string]: unknown;
}

/**
 * @param log of the node, lines of JSON
 * @param times when the node was started and when it was healthy, milliseconds as Date.now gives them
 * @throws Error when the log does not tell of one seed from its beginning to its end
 */
export function seedFiguresOf(log: string, times: { startedMs: number; healthyMs: number }): SeedFigures {
  const lines = log
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as LogLine);
  const steps = lines.filter(({ msg }) => msg === 'seeding');
  const received = lines.findLast(({ msg }) => msg === 'snapshot received');
  const donor = steps.findLast((step) => step.phase === 'transferring')?.donor;
  if (!received || typeof donor !== 'string' || steps.at(-1)?.phase !== 'idle') {
    throw new Error(`The node's log does not tell of a seed that was completed (${steps.length} steps).`);
  }
  const phases = new Map<string, number>();
  let name = 'starting';
  let fromMs = times.startedMs;
  const turn = (next: string, atMs: number) => {
    phases.set(name, (phases.get(name) ?? 0) + atMs - fromMs);
    name = next;
    fromMs = atMs;
  };
  for (const { phase, time } of steps) turn(phase === 'idle' ? 'opening' : String(phase), Date.parse(time));
  turn('', times.healthyMs);
  return {
    donor,
    bytes: Number(received.bytes),
    phases: [...phases].map(([phase, ms]) => ({ name: phase, ms })),
    transferMs: phases.get('transferring') ?? Number.NaN,
    prepareMs: Number(received.prepareMs),
    syncMs: Number(received.syncMs),
  };
}
