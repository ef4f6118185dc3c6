/**
 * How a replica takes its server over, as pure steps: (state, event) -> state. The driver (take-over-work.ts) does the work of
 * each step and reports the result as an event.
 *
 *   down --up--> look --sound--------------------------> recover --------------> settled -> follow -> following
 *                  `--crashed--> reset --nothing--> xa ->  recover -> agree ------^
 *                                  `-----done------------> recover -> agree ------^
 *
 *   any step --failed--> down (the take-over is tried again as after `up`), --down--> down
 *
 * `look` reads whether the server already replicates · `reset` finishes a log reset that a crash interrupted · `xa` makes the
 * engine agree with the log · `recover` finds the position of a server that crashed in the middle of DDL · `agree` records that
 * log and engine agree · `settled` checks the tables and ends the recovery · `follow` starts the replication threads.
 */
export const TAKE_OVER_STEPS = [
  'down',
  'look',
  'reset',
  'xa',
  'recover',
  'agree',
  'settled',
  'follow',
  'following',
] as const;
export type TakeOverStep = (typeof TAKE_OVER_STEPS)[number];

export interface TakeOverState {
  readonly step: TakeOverStep;
  /** A previous run of the server may have crashed. */
  readonly crashed: boolean;
  /** The server crashed and does not replicate yet, so its log and its engine may differ. */
  readonly settles: boolean;
}

export type TakeOverEvent =
  | { readonly kind: 'up'; readonly crashed: boolean }
  | { readonly kind: 'looked'; readonly follows: boolean }
  /** `reset`: a log reset was finished. */
  | { readonly kind: 'done'; readonly reset?: boolean }
  | { readonly kind: 'failed' }
  | { readonly kind: 'down' };

export const SERVER_DOWN: TakeOverState = { step: 'down', crashed: false, settles: false };

/** An event that does not belong to the current step changes nothing. */
export function takeOverStep(state: TakeOverState, event: TakeOverEvent): TakeOverState {
  switch (event.kind) {
    case 'up':
      return { step: 'look', crashed: event.crashed, settles: false };
    case 'looked': {
      if (state.step !== 'look') return state;
      const settles = state.crashed && !event.follows;
      return { ...state, settles, step: settles ? 'reset' : 'recover' };
    }
    case 'done':
      return { ...state, step: after(state, event.reset === true) };
    case 'failed':
      return state.step === 'following' ? state : SERVER_DOWN;
    case 'down':
      return SERVER_DOWN;
  }
}

function after({ step, settles }: TakeOverState, reset: boolean): TakeOverStep {
  switch (step) {
    case 'reset':
      return reset ? 'recover' : 'xa';
    case 'xa':
      return 'recover';
    case 'recover':
      return settles ? 'agree' : 'settled';
    case 'agree':
      return 'settled';
    case 'settled':
      return 'follow';
    case 'follow':
      return 'following';
    default:
      return step;
  }
}
