import type { Position } from '../model/position.js';
import type { SeedNeed, SeedPhase } from '../model/seed.js';

/**
 * How a replica's server is filled from another node, as pure steps: (state, event) -> state. The driver does what the phase
 * names, and tells how that went.
 *
 *   idle --need--> choosing --donor--> transferring --received--> preparing --prepared--> waiting --released--> placing
 *     ^               ^                     |                         |                     |                     |
 *     |               `-----due------- backing-off <------failed------+---------------------+-------- (retry) ----+
 *     |                                     ^                                                                  placed
 *     |                                     `--- failed: only positioning is tried again ---- positioning <-------'
 *     `--level-- catching-up <--positioned---------------------------------------------------------'
 *
 * `waiting`: the snapshot shows everything up to its position, so it is used only when the cluster has committed that, as
 * heard in the present epoch (rules H8, E12); a snapshot of a branch that was lost is thrown away.
 * From `placing` on it cannot be cancelled: the data that was there is being replaced. New data that cannot be used is given
 * up after some attempts; when the old data is in its place again (`returned`), it is as before.
 */
export interface SeedState {
  readonly phase: SeedPhase;
  /** Why the server is filled; null = it is not. */
  readonly need: SeedNeed | null;
  /** Counts from 1. */
  readonly attempt: number;
  readonly donor: string | null;
  /** Of the snapshot that was received; everything up to it is in the new data. */
  readonly position: Position | null;
  /** The phase that follows a pause. */
  readonly resume: SeedPhase;
  /** The data that was there was touched, and the new one is not known to be whole yet: no client may see it. */
  readonly isTouched: boolean;
  /** Failures in a row since the data was put in place. */
  readonly failuresInPlace: number;
  /** Why the last attempt failed; null = none did. */
  readonly failure: string | null;
}

export type SeedEvent =
  | { readonly kind: 'need'; readonly need: SeedNeed }
  | { readonly kind: 'donor'; readonly donor: string }
  | { readonly kind: 'received'; readonly position: Position }
  | { readonly kind: 'prepared' }
  | { readonly kind: 'released' }
  | { readonly kind: 'placed' }
  | { readonly kind: 'positioned' }
  | { readonly kind: 'level' }
  | { readonly kind: 'failed'; readonly reason: string }
  /** The snapshot was given up, and the old data is in its place. */
  | { readonly kind: 'returned' }
  /** The pause after a failure is over. */
  | { readonly kind: 'due' }
  | { readonly kind: 'cancel' };

export const NOT_SEEDING: SeedState = {
  phase: 'idle',
  need: null,
  attempt: 0,
  donor: null,
  position: null,
  resume: 'choosing',
  isTouched: false,
  failuresInPlace: 0,
  failure: null,
};

/** New data that cannot be used after this many attempts is replaced by another snapshot. */
const FAILURES_IN_PLACE_MAX = 3;

/** An event that does not belong to the phase changes nothing. */
export function seedStep(state: SeedState, event: SeedEvent): SeedState {
  const next = NEXT[state.phase];
  switch (event.kind) {
    case 'need':
      return state.phase === 'idle'
        ? { ...NOT_SEEDING, phase: 'choosing', need: event.need, attempt: 1 }
        : { ...state, need: stronger(state.need, event.need) };
    case 'cancel':
      return state.isTouched ? state : NOT_SEEDING;
    case 'failed':
      return failed(state, event.reason);
    case 'due':
      return state.phase === 'backing-off' ? { ...state, phase: state.resume } : state;
    case 'returned':
      return state.phase === 'backing-off' && state.resume === 'choosing'
        ? { ...state, isTouched: false }
        : state;
    case 'donor':
      return next?.on === 'donor' ? { ...state, phase: next.phase, donor: event.donor } : state;
    case 'received':
      return next?.on === 'received' ? { ...state, phase: next.phase, position: event.position } : state;
    case 'level':
      return next?.on === 'level' ? NOT_SEEDING : state;
    case 'released':
      return next?.on === 'released' ? { ...state, phase: next.phase, isTouched: true } : state;
    default:
      return next?.on === event.kind ? { ...state, phase: next.phase } : state;
  }
}

const NEXT: Partial<Record<SeedPhase, { on: SeedEvent['kind']; phase: SeedPhase }>> = {
  choosing: { on: 'donor', phase: 'transferring' },
  transferring: { on: 'received', phase: 'preparing' },
  preparing: { on: 'prepared', phase: 'waiting' },
  waiting: { on: 'released', phase: 'placing' },
  placing: { on: 'placed', phase: 'positioning' },
  positioning: { on: 'positioned', phase: 'catching-up' },
  'catching-up': { on: 'level', phase: 'idle' },
};

function failed(state: SeedState, reason: string): SeedState {
  switch (state.phase) {
    case 'idle':
    case 'backing-off':
      return state;
    case 'choosing':
    case 'transferring':
    case 'preparing':
    case 'waiting':
      return again(state, reason);
    default: {
      const failuresInPlace = state.failuresInPlace + 1;
      // A server that follows has data of use: all that failed is to note that it is level.
      const isUseless = failuresInPlace >= FAILURES_IN_PLACE_MAX && state.phase !== 'catching-up';
      if (isUseless) return again(state, reason);
      return { ...state, phase: 'backing-off', resume: state.phase, failuresInPlace, failure: reason };
    }
  }
}

/** From the beginning, with another snapshot. */
function again(state: SeedState, reason: string): SeedState {
  return {
    ...state,
    phase: 'backing-off',
    resume: 'choosing',
    attempt: state.attempt + 1,
    position: null,
    failuresInPlace: 0,
    failure: reason,
  };
}

/** A reason that makes the data useless outweighs one that does not: the node closes for it. */
function stronger(before: SeedNeed | null, now: SeedNeed): SeedNeed {
  return before === null || (!before.closes && now.closes) ? now : before;
}
