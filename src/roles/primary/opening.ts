/**
 * How a primary comes to serve, as pure steps: (state, event) -> state. The driver (primary-role.ts) does what the step
 * names and tells how that went. One pass belongs to one run of the server, or of the role on a running server.
 *
 *   closed --up--> look --closed server--> settle -> arm -> begin -> gather -> log -> level -> open -> prepare -> serving
 *                   |  `---goes on------------------------------> gather ---------------------------> prepare --'
 *                   `--foreign, lost--> closed
 *
 *   any step --failed--> pause --retry--> look        (the epoch that was begun stays the same one)
 *   any step --ended--> closed
 *
 * Invariants, checked by the tests:
 *  1 a closed server is opened only after `settle`, `arm`, `begin`, `gather` and `log` of the same pass (rule H9)
 *  2 an epoch is begun at most once for one run of the server
 *  3 a server that is open already is never opened again, and never begins an epoch
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
 * `look` reads what the server is and where its log ends · `settle` brings its engine level with its log · `arm`: commits
 * wait for acknowledgements from here on · `begin` begins an epoch · `gather` waits for a quorum of replicas · `log`: the
 * quorum receives the whole log · `level` compares definitions after a crash · `open` lets writers in · `prepare` makes the
 * system schema · `pause` waits before the next attempt.
 */
export type OpeningStep = (typeof OPENING_STEPS)[number];

export type PrimaryPhase = 'closed' | 'recovering' | 'feeding' | 'open' | 'closing';

export interface OpeningState {
  readonly step: OpeningStep;
  /** The server ran before this pass began. */
  readonly adopted: boolean;
  /** A server before this one did not end in order. */
  readonly crashed: boolean;
  /** The server is open as this epoch's already: only the node was started again. */
  readonly goesOn: boolean;
  /** An epoch was begun for this run of the server. */
  readonly epochBegun: boolean;
  /** Replicas may attach: it is clear where the log ends, and in which epoch. */
  readonly attachable: boolean;
}

/** What `look` found: `closed` is a closed server, `foreign` one that is open and not as ours, `lost` one whose log is cut short. */
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

/** What follows a step that was done; `gather` and `look` depend on more. */
const NEXT: Readonly<Partial<Record<OpeningStep, OpeningStep>>> = {
  settle: 'arm',
  begin: 'gather',
  log: 'level',
  level: 'open',
  open: 'prepare',
  prepare: 'serving',
};

/** An event that does not belong to the step changes nothing. */
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
      // The server runs by now.
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

/** Something is being done, and may fail. */
function isWorking(step: OpeningStep): boolean {
  return step !== 'closed' && step !== 'serving' && step !== 'pause';
}

const FEEDING: readonly OpeningStep[] = ['log', 'level', 'open', 'prepare'];

/** As replicas and people see it. While it pauses, replicas may attach once an epoch has begun. */
export function phaseOf({ step, attachable }: OpeningState): PrimaryPhase {
  if (step === 'serving') return 'open';
  if (!attachable) return 'closed';
  return FEEDING.includes(step) ? 'feeding' : 'recovering';
}

export interface ServerFacts {
  readonly adopted: boolean;
  readonly readOnly: boolean;
  readonly serverId: number;
  /** Of this node's newest epoch; null = it knows of none. */
  readonly epochServerId: number | null;
  /** Ordinal of the last transaction in the server's log. */
  readonly logEnd: number;
  /** The newest epoch began after this ordinal. */
  readonly epochBegan: number;
  /** Up to here the log was known to be committed. */
  readonly held: number;
}

/**
 * An open server that ran before counts as this epoch's only by the epoch's id: whatever another one accepted since must
 * not be taken for it (rules H9, C1). A log that ends before the newest epoch began, or before what it was known to hold,
 * is not the cluster's: a directory that is not mounted, or an old copy. A log without any epoch has lost its chain, and the
 * numbers of its epochs would be used again (rule H2).
 */
export function findingOf(facts: ServerFacts): Finding {
  if (facts.adopted && !facts.readOnly) {
    return facts.serverId === facts.epochServerId ? 'goes on' : 'foreign';
  }
  const hasNoChain = facts.epochServerId === null && facts.logEnd > 0;
  return hasNoChain || facts.logEnd < Math.max(facts.epochBegan, facts.held) ? 'lost' : 'closed';
}
