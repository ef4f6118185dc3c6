import type { Position } from '../../model/position.js';

/**
 * How a primary opens, as pure steps: (state, event) -> state. The driver (opening-work.ts) does the work of each step and
 * reports the result as an event. One pass belongs to one run of the server, or to one run of the role on a running server.
 *
 *   closed --up--> inspect --closed--> recoverXa -> requireAcks -> copyLog -> beginEpoch -> awaitQuorum -> replicateLog
 *                   |   |                                                                                   |
 *                   |   |                                       serving <- prepare <- open <- compareDefinitions
 *                   |   `--continues--> copyLog -> awaitQuorum -> prepare -> serving
 *                   `--foreign, lost--> closed
 *
 *   any step --failed--> pause --retry--> inspect     (an epoch that was begun is kept)
 *   any step --ended--> closed
 *
 * Invariants, checked by the tests:
 *  1 a closed server is opened only after all steps from `recoverXa` to `replicateLog` of the same pass (rule H9)
 *  2 an epoch is begun at most once for one run of the server
 *  3 for a server that is already open, no epoch is begun, and it is not opened again
 */
export const OPENING_STEPS = [
  'closed',
  'inspect',
  'recoverXa',
  'requireAcks',
  'copyLog',
  'beginEpoch',
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
 * `requireAcks` makes commits wait for acknowledgements · `copyLog` copies the end of the server's log into the spool (rules E1,
 * E2) · `beginEpoch` begins the epoch; it and `copyLog` are skipped when this run of the server has an epoch · `awaitQuorum` waits
 * for a quorum of replicas · `replicateLog` waits until the quorum has the whole log · `compareDefinitions` compares and repairs
 * definitions after a crash · `open` allows writes · `prepare` creates the system schema · `pause` waits before the next attempt.
 */
export type OpeningStep = (typeof OPENING_STEPS)[number];

export type PrimaryPhase = 'closed' | 'recovering' | 'feeding' | 'open' | 'closing';

export interface OpeningState {
  readonly step: OpeningStep;
  /** The server ran before this pass began. */
  readonly adopted: boolean;
  /** A previous run of the server may have crashed. */
  readonly crashed: boolean;
  /** The server is already open in this epoch, because only the node was restarted. */
  readonly continues: boolean;
  /** An epoch was begun for this run of the server. */
  readonly epochBegun: boolean;
  /** Replicas may attach, because the end of the log and the epoch are known. */
  readonly attachable: boolean;
  /** The epoch began with an election, before the server has a part in it: it is not begun here. */
  readonly elected: boolean;
}

/**
 * The result of `inspect`. `continues`: the server is already open in this epoch. `closed`: it is closed. `foreign`: it is open, but
 * not in this epoch. `lost`: its log is too short, or its chain is missing. `ahead`: in an elected epoch, it has transactions
 * that the cluster's log does not have.
 */
export type Finding = 'continues' | 'closed' | 'foreign' | 'lost' | 'ahead';

export type OpeningEvent =
  | { readonly kind: 'up'; readonly adopted: boolean; readonly crashed: boolean }
  | { readonly kind: 'inspected'; readonly finding: Finding }
  | { readonly kind: 'done' }
  | { readonly kind: 'failed' }
  | { readonly kind: 'retry' }
  | { readonly kind: 'ended' };

export const NOT_OPENING: OpeningState = {
  step: 'closed',
  adopted: false,
  crashed: false,
  continues: false,
  epochBegun: false,
  attachable: false,
  elected: false,
};

/** In an elected epoch the log is fed whether or not a server runs. */
export const NOT_OPENING_ELECTED: OpeningState = {
  ...NOT_OPENING,
  epochBegun: true,
  attachable: true,
  elected: true,
};

function notOpening({ elected }: OpeningState): OpeningState {
  return elected ? NOT_OPENING_ELECTED : NOT_OPENING;
}

/** The step after a completed one. `inspect`, `requireAcks` and `awaitQuorum` depend on more than the step. */
const NEXT: Readonly<Partial<Record<OpeningStep, OpeningStep>>> = {
  recoverXa: 'requireAcks',
  beginEpoch: 'awaitQuorum',
  replicateLog: 'compareDefinitions',
  compareDefinitions: 'open',
  open: 'prepare',
  prepare: 'serving',
};

/** An event that does not belong to the current step changes nothing. */
export function openingStep(state: OpeningState, event: OpeningEvent): OpeningState {
  switch (event.kind) {
    case 'up':
      return { ...notOpening(state), step: 'inspect', adopted: event.adopted, crashed: event.crashed };
    case 'ended':
      return notOpening(state);
    case 'inspected':
      return state.step === 'inspect' ? looked(state, event.finding) : state;
    case 'done':
      return done(state);
    case 'failed':
      return isWorking(state.step) ? { ...state, step: 'pause' } : state;
    case 'retry':
      // The server already runs, so it counts as adopted.
      return state.step === 'pause'
        ? { ...state, step: 'inspect', adopted: true, continues: false, attachable: state.elected }
        : state;
  }
}

function looked(state: OpeningState, finding: Finding): OpeningState {
  if (finding === 'closed') return { ...state, step: 'recoverXa' };
  if (finding === 'continues') return { ...state, step: 'copyLog', continues: true, attachable: true };
  return notOpening(state);
}

function done(state: OpeningState): OpeningState {
  if (state.step === 'requireAcks') {
    return state.epochBegun && !state.elected
      ? { ...state, step: 'awaitQuorum', attachable: true }
      : { ...state, step: 'copyLog' };
  }
  if (state.step === 'copyLog')
    return { ...state, step: state.epochBegun || state.continues ? 'awaitQuorum' : 'beginEpoch' };
  if (state.step === 'awaitQuorum') return { ...state, step: state.continues ? 'prepare' : 'replicateLog' };
  const step = NEXT[state.step];
  if (step === undefined) return state;
  return state.step === 'beginEpoch'
    ? { ...state, step, epochBegun: true, attachable: true }
    : { ...state, step };
}

/** The step does work that may fail. */
function isWorking(step: OpeningStep): boolean {
  return step !== 'closed' && step !== 'serving' && step !== 'pause';
}

const FEEDING: readonly OpeningStep[] = ['replicateLog', 'compareDefinitions', 'open', 'prepare'];

/** The phase that replicas and users see. During a pause, replicas may attach once an epoch has begun. */
export function phaseOf({ step, attachable }: OpeningState): PrimaryPhase {
  if (step === 'serving') return 'open';
  if (!attachable) return 'closed';
  return FEEDING.includes(step) ? 'feeding' : 'recovering';
}

export interface ServerFacts {
  readonly adopted: boolean;
  readonly readOnly: boolean;
  readonly serverId: number;
  /** Server id of this node's newest epoch; null = no epoch is known. */
  readonly epochServerId: number | null;
  /** Ordinal of the last transaction in the server's log. */
  readonly logEnd: number;
  /** Ordinal after which the newest epoch began. */
  readonly epochBegan: number;
  /** Ordinal up to which the log was seen: it was committed, or the spool has it. */
  readonly known: number;
}

/**
 * An adopted server that is open belongs to this epoch only if it has the epoch's server id. With another id, it may have
 * accepted writes that do not belong to the epoch (rules H9, C1). A log that ends before the newest epoch began, or before
 * what is known of it, is not the cluster's: the directory is not mounted, or is an old copy. A log with transactions but
 * without any epoch has lost its chain, and its epoch numbers would be used again (rule H2).
 */
export function findingOf(facts: ServerFacts): Finding {
  if (facts.adopted && !facts.readOnly) {
    return facts.serverId === facts.epochServerId ? 'continues' : 'foreign';
  }
  const hasNoChain = facts.epochServerId === null && facts.logEnd > 0;
  return hasNoChain || facts.logEnd < Math.max(facts.epochBegan, facts.known) ? 'lost' : 'closed';
}

/**
 * In an elected epoch, the log is this node's spool, and the server must have exactly that. A server that is still open ran in
 * an older epoch: its sessions write with that epoch's id (rule C10).
 */
export function electedFindingOf({
  adopted,
  readOnly,
  serverEnd,
  logEnd,
}: {
  readonly adopted: boolean;
  readonly readOnly: boolean;
  readonly serverEnd: Position;
  readonly logEnd: Position;
}): Finding {
  if (adopted && !readOnly) return 'foreign';
  if (serverEnd.ordinal < logEnd.ordinal) return 'lost';
  return serverEnd.gtid === logEnd.gtid ? 'closed' : 'ahead';
}
