import { type Clock, systemClock } from '../std/clock.js';
import { Emitter } from '../std/emitter.js';

/** Where a port's connections go. */
export interface Target {
  readonly host: string;
  readonly port: number;
  /** The address from which the port dials; for the server it is part of the client's account. */
  readonly localAddress?: string;
  /** This port judges clients' KILLs. Otherwise the next port does. */
  readonly judgesKills?: boolean;
  /** The server makes sessions read-only at login; the port keeps them read-only after a reset. */
  readonly keepsReadOnly?: boolean;
  /**
   * The server may be behind the primary's. Clients' commands wait until it has caught up, where the port is set to
   * wait.
   */
  readonly waitsForPrimary?: boolean;
  /**
   * The target is another node's port. It gets a marker first, because a forwarded client is not forwarded again
   * (forward-marker.ts).
   */
  readonly forwards?: boolean;
}

export type Route =
  | { readonly open: true; readonly target: Target }
  /** `reason` is shown to the user of a refused client. */
  | { readonly open: false; readonly reason: string };

/** A target, and the generation of the gate in which it is valid. */
export interface Pass {
  readonly target: Target;
  readonly generation: number;
}

/**
 * Whether a port may pass bytes on at this moment, and where to (rule M4). Each way out of an open route - closed, or
 * open to another target - is a new generation; a connection belongs to the one in which it began and never outlives it.
 * Listeners run before `set` returns, so every connection through a closed gate is cut by then.
 */
export class Gate {
  readonly onChange = new Emitter<void>();
  readonly #look: () => void;
  #route: Route;
  #generation = 0;

  /** `look` sets the gate when the state behind it has changed without a message. Called before each chunk. */
  constructor(reason: string, look: () => void = () => {}) {
    this.#route = { open: false, reason };
    this.#look = look;
  }

  get route(): Route {
    return this.#route;
  }

  /** Asked before every chunk, so no more than a comparison. */
  admits(generation: number): boolean {
    this.#look();
    return generation === this.#generation;
  }

  pass(): Pass | null {
    this.#look();
    return this.#route.open ? { target: this.#route.target, generation: this.#generation } : null;
  }

  set(route: Route): void {
    const same = sameTarget(this.#route, route);
    const wasOpen = this.#route.open;
    if (same && wasOpen) return;
    this.#route = route;
    if (same) return;
    if (wasOpen) this.#generation++;
    this.onChange.emit();
  }

  /** Resolves with a pass once the gate is open; with null on time-out or abort. */
  untilOpen(ms: number, signal: AbortSignal, clock: Clock = systemClock): Promise<Pass | null> {
    const now = this.pass();
    if (now || ms <= 0 || signal.aborted) return Promise.resolve(signal.aborted ? null : now);
    return new Promise((resolve) => {
      const settle = () => {
        clock.clearTimer(timer);
        off();
        signal.removeEventListener('abort', settle);
        resolve(signal.aborted ? null : this.pass());
      };
      const timer = clock.setTimer(ms, settle);
      const off = this.onChange.on(() => {
        if (this.#route.open) settle();
      });
      signal.addEventListener('abort', settle, { once: true });
    });
  }
}

function sameTarget(a: Route, b: Route): boolean {
  if (!a.open || !b.open) return a.open === b.open;
  return (
    a.target.host === b.target.host &&
    a.target.port === b.target.port &&
    a.target.localAddress === b.target.localAddress &&
    a.target.judgesKills === b.target.judgesKills &&
    a.target.keepsReadOnly === b.target.keepsReadOnly &&
    a.target.waitsForPrimary === b.target.waitsForPrimary &&
    a.target.forwards === b.target.forwards
  );
}
