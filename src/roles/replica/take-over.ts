/**
 * How a replica takes its server over, as pure steps: (state, event) -> state. The driver (take-over-work.ts) does the work of
 * each step and reports the result as an event.
 *
 *   down --up--> inspect --sound--> recoverDdl -------------------------> endRecovery -> follow -> following
 *                   |                                                      ^
 *                   |                               recoverDdl -> noteAgreement
 *                   |                                ^      ^
 *                   `--crashed--> finishReset --done-'      |
 *                                  `--nothing--> recoverXa -'
 *
 *   any step --failed--> down (the take-over is tried again as after `up`), --down--> down
 *
 * `inspect` reads whether the server already replicates · `finishReset` finishes a log reset that a crash interrupted ·
 * `recoverXa` makes the engine agree with the log · `recoverDdl` finds the position of a server that crashed in the middle of
 * DDL · `noteAgreement` records that log and engine agree · `endRecovery` checks the tables · `follow` starts the replication
 * threads.
 */
export const TAKE_OVER_STEPS = [
  'down',
  'inspect',
  'finishReset',
  'recoverXa',
  'recoverDdl',
  'noteAgreement',
  'endRecovery',
  'follow',
  'following',
] as const;
export type TakeOverStep = (typeof TAKE_OVER_STEPS)[number];

export interface TakeOverState {
  readonly step: TakeOverStep;
  /** A previous run of the server may have crashed. */
  readonly crashed: boolean;
  /** The server crashed and does not replicate yet, so its log and its engine may differ. */
  readonly recovers: boolean;
}

export type TakeOverEvent =
  | { readonly kind: 'up'; readonly crashed: boolean }
  | { readonly kind: 'inspected'; readonly follows: boolean }
  /** `reset`: a log reset was finished. */
  | { readonly kind: 'done'; readonly reset?: boolean }
  | { readonly kind: 'failed' }
  | { readonly kind: 'down' };

export const SERVER_DOWN: TakeOverState = { step: 'down', crashed: false, recovers: false };

/** An event that does not belong to the current step changes nothing. */
export function takeOverStep(state: TakeOverState, event: TakeOverEvent): TakeOverState {
  switch (event.kind) {
    case 'up':
      return { step: 'inspect', crashed: event.crashed, recovers: false };
    case 'inspected': {
      if (state.step !== 'inspect') return state;
      const recovers = state.crashed && !event.follows;
      return { ...state, recovers, step: recovers ? 'finishReset' : 'recoverDdl' };
    }
    case 'done':
      return { ...state, step: after(state, event.reset === true) };
    case 'failed':
      return state.step === 'following' ? state : SERVER_DOWN;
    case 'down':
      return SERVER_DOWN;
  }
}

function after({ step, recovers }: TakeOverState, reset: boolean): TakeOverStep {
  switch (step) {
    case 'finishReset':
      return reset ? 'recoverDdl' : 'recoverXa';
    case 'recoverXa':
      return 'recoverDdl';
    case 'recoverDdl':
      return recovers ? 'noteAgreement' : 'endRecovery';
    case 'noteAgreement':
      return 'endRecovery';
    case 'endRecovery':
      return 'follow';
    case 'follow':
      return 'following';
    default:
      return step;
  }
}
