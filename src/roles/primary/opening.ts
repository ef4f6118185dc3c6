import type { Position } from '../../model/position.js';

/**
 * How an elected primary opens its server, as pure steps: (state, event) -> state. The driver (opening-work.ts) does the work of
 * each step and reports the result as an event. One pass belongs to one run of the server. The epoch has begun before, and
 * replicas attach meanwhile, with or without a server.
 *
 *   closed --up--> inspect --closed--> recoverXa -> requireAcks -> copyLog -> awaitQuorum -> replicateLog
 *                   |                                                                            |
 *                   |                            serving <- prepare <- open <- compareDefinitions
 *                   `--foreign, lost, ahead--> closed
 *
 *   any step --failed--> pause --retry--> inspect
 *   any step --ended--> closed
 *
 * Invariant, checked by the tests: a server is opened only after all steps from `recoverXa` to `replicateLog` of the same pass
 * (rule H9).
 */
export const OPENING_STEPS = [
  'closed',
  'inspect',
  'recoverXa',
  'requireAcks',
  'copyLog',
  'awaitQuorum',
  'replicateLog',
  'compareDefinitions',
  'open',
  'prepare',
  'serving',
  'pause',
] as const;

/**
 * `inspect` reads the state of the server and the end of its log · `recoverXa` makes the engine agree with the log ·
 * `requireAcks` makes commits wait for acknowledgements · `copyLog` copies what that has logged into the spool (rule E1) ·
 * `awaitQuorum` waits for a quorum of replicas · `replicateLog` waits until the quorum has the whole log · `compareDefinitions`
 * compares and repairs definitions after a crash · `open` allows writes · `prepare` creates the system schema · `pause` waits
 * before the next attempt.
 */
export type OpeningStep = (typeof OPENING_STEPS)[number];

export interface OpeningState {
  readonly step: OpeningStep;
  /** The server ran before this pass began. */
  readonly adopted: boolean;
  /** A previous run of the server may have crashed. */
  readonly crashed: boolean;
}

/**
 * The result of `inspect`. `closed`: the server can be opened. `foreign`: it is open, with the server id of an older epoch.
 * `lost`: its log is too short. `ahead`: it has transactions that the cluster's log does not have.
 */
export type Finding = 'closed' | 'foreign' | 'lost' | 'ahead';

export type OpeningEvent =
  | { readonly kind: 'up'; readonly adopted: boolean; readonly crashed: boolean }
  | { readonly kind: 'inspected'; readonly finding: Finding }
  | { readonly kind: 'done' }
  | { readonly kind: 'failed' }
  | { readonly kind: 'retry' }
  | { readonly kind: 'ended' };

export const NOT_OPENING: OpeningState = { step: 'closed', adopted: false, crashed: false };

/** The step after a completed one. */
const NEXT: Readonly<Partial<Record<OpeningStep, OpeningStep>>> = {
  recoverXa: 'requireAcks',
  requireAcks: 'copyLog',
  copyLog: 'awaitQuorum',
  awaitQuorum: 'replicateLog',
  replicateLog: 'compareDefinitions',
  compareDefinitions: 'open',
  open: 'prepare',
  prepare: 'serving',
};

/** An event that does not belong to the current step changes nothing. */
export function openingStep(state: OpeningState, event: OpeningEvent): OpeningState {
  switch (event.kind) {
    case 'up':
      return { step: 'inspect', adopted: event.adopted, crashed: event.crashed };
    case 'ended':
      return NOT_OPENING;
    case 'inspected':
      if (state.step !== 'inspect') return state;
      return event.finding === 'closed' ? { ...state, step: 'recoverXa' } : NOT_OPENING;
    case 'done':
      return { ...state, step: NEXT[state.step] ?? state.step };
    case 'failed':
      return isWorking(state.step) ? { ...state, step: 'pause' } : state;
    case 'retry':
      // The server already runs, so it counts as adopted.
      return state.step === 'pause' ? { ...state, step: 'inspect', adopted: true } : state;
  }
}

/** The step does work that may fail. */
function isWorking(step: OpeningStep): boolean {
  return step !== 'closed' && step !== 'serving' && step !== 'pause';
}

export interface ServerFacts {
  readonly adopted: boolean;
  readonly readOnly: boolean;
  /** End of the server's log. */
  readonly serverEnd: Position;
  /** End of the spool of this node, which is the log of the cluster. */
  readonly logEnd: Position;
  /** Ordinal up to which the data of this server was seen, see LogEndFile. */
  readonly known: number;
}

/**
 * The server must have exactly the cluster's log. A server that is still open ran in an older epoch: its sessions write with that
 * epoch's id (rule C10). A log that ends before what is known of it is not the cluster's: the data directory is not mounted, or is
 * an old copy.
 */
export function findingOf({ adopted, readOnly, serverEnd, logEnd, known }: ServerFacts): Finding {
  if (adopted && !readOnly) return 'foreign';
  if (serverEnd.ordinal < Math.max(logEnd.ordinal, known)) return 'lost';
  return serverEnd.gtid === logEnd.gtid ? 'closed' : 'ahead';
}
