/**
 * How a primary opens, as pure steps: (state, event) -> state. The driver (opening-work.ts) does the work of each step and
 * reports the result as an event. One pass belongs to one run of the server, or to one run of the role on a running server.
 *
 *   closed --up--> look --closed server--> settle -> arm -> begin -> gather -> log -> level -> open -> prepare -> serving
 *                   |  `---goes on------------------------------> gather ---------------------------> prepare --'
 *                   `--foreign, lost--> closed
 *
 *   any step --failed--> pause --retry--> look        (an epoch that was begun is kept)
 *   any step --ended--> closed
 *
 * Invariants, checked by the tests:
 *  1 a closed server is opened only after `settle`, `arm`, `begin`, `gather` and `log` of the same pass (rule H9)
 *  2 an epoch is begun at most once for one run of the server
 *  3 for a server that is already open, no epoch is begun, and it is not opened again
 */
export const OPENING_STEPS = [
  'closed',
  'look',
  'settle',
  'arm',
  'begin',
  'gather',
  'log',
  'level',
  'open',
  'prepare',
  'serving',
  'pause',
] as const;

/**
 * `look` reads the state of the server and the end of its log · `settle` makes the engine agree with the log (XA) · `arm`
 * makes commits wait for acknowledgements · `begin` begins an epoch · `gather` waits for a quorum of replicas · `log` waits
 * until the quorum has the whole log · `level` compares definitions after a crash · `open` allows writes · `prepare` creates
 * the system schema · `pause` waits before the next attempt.
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
  readonly goesOn: boolean;
  /** An epoch was begun for this run of the server. */
  readonly epochBegun: boolean;
  /** Replicas may attach, because the end of the log and the epoch are known. */
  readonly attachable: boolean;
}

/**
 * The result of `look`. `goes on`: the server is already open in this epoch. `closed`: it is closed. `foreign`: it is open, but
 * not in this epoch. `lost`: its log is too short, or its chain is missing.
 */
export type Finding = 'goes on' | 'closed' | 'foreign' | 'lost';

export type OpeningEvent =
  | { readonly kind: 'up'; readonly adopted: boolean; readonly crashed: boolean }
  | { readonly kind: 'looked'; readonly finding: Finding }
  | { readonly kind: 'done' }
  | { readonly kind: 'failed' }
  | { readonly kind: 'retry' }
  | { readonly kind: 'ended' };

export const NOT_OPENING: OpeningState = {
  step: 'closed',
  adopted: false,
  crashed: false,
  goesOn: false,
  epochBegun: false,
  attachable: false,
};

/** The step after a completed one. `look`, `arm` and `gather` depend on more than the step. */
const NEXT: Readonly<Partial<Record<OpeningStep, OpeningStep>>> = {
  settle: 'arm',
  begin: 'gather',
  log: 'level',
  level: 'open',
  open: 'prepare',
  prepare: 'serving',
};

/** An event that does not belong to the current step changes nothing. */
export function openingStep(state: OpeningState, event: OpeningEvent): OpeningState {
  switch (event.kind) {
    case 'up':
      return { ...NOT_OPENING, step: 'look', adopted: event.adopted, crashed: event.crashed };
    case 'ended':
      return NOT_OPENING;
    case 'looked':
      return state.step === 'look' ? looked(state, event.finding) : state;
    case 'done':
      return done(state);
    case 'failed':
      return isWorking(state.step) ? { ...state, step: 'pause' } : state;
    case 'retry':
      // The server already runs, so it counts as adopted.
      return state.step === 'pause'
        ? { ...state, step: 'look', adopted: true, goesOn: false, attachable: false }
        : state;
  }
}

function looked(state: OpeningState, finding: Finding): OpeningState {
  if (finding === 'closed') return { ...state, step: 'settle' };
  if (finding === 'goes on') return { ...state, step: 'gather', goesOn: true, attachable: true };
  return NOT_OPENING;
}

function done(state: OpeningState): OpeningState {
  if (state.step === 'arm') {
    return state.epochBegun ? { ...state, step: 'gather', attachable: true } : { ...state, step: 'begin' };
  }
  if (state.step === 'gather') return { ...state, step: state.goesOn ? 'prepare' : 'log' };
  const step = NEXT[state.step];
  if (step === undefined) return state;
  return state.step === 'begin' ? { ...state, step, epochBegun: true, attachable: true } : { ...state, step };
}

/** The step does work that may fail. */
function isWorking(step: OpeningStep): boolean {
  return step !== 'closed' && step !== 'serving' && step !== 'pause';
}

const FEEDING: readonly OpeningStep[] = ['log', 'level', 'open', 'prepare'];

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
  /** Ordinal up to which the log was known to be committed. */
  readonly knownCommitted: number;
}

/**
 * An adopted server that is open belongs to this epoch only if it has the epoch's server id. With another id, it may have
 * accepted writes that do not belong to the epoch (rules H9, C1). A log that ends before the newest epoch began, or before its
 * known commit position, is not the cluster's: the directory is not mounted, or is an old copy. A log with transactions but
 * without any epoch has lost its chain, and its epoch numbers would be used again (rule H2).
 */
export function findingOf(facts: ServerFacts): Finding {
  if (facts.adopted && !facts.readOnly) {
    return facts.serverId === facts.epochServerId ? 'goes on' : 'foreign';
  }
  const hasNoChain = facts.epochServerId === null && facts.logEnd > 0;
  return hasNoChain || facts.logEnd < Math.max(facts.epochBegan, facts.knownCommitted) ? 'lost' : 'closed';
}
