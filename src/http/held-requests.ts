import { ApiError } from '../api/api-error.js';
import type { NodeView } from '../api/node-view.js';
import type { Cancellation } from '../std/cancellation.js';
import { monotonicMs } from '../std/clock.js';
import type { HandlerReply } from './handlers/reply.js';

/** While a primary is known that does not serve yet: the interval of attempts. It costs a connection at most. */
const AGAIN_MS = 50;

/** Refusals of requests of which nothing was done, and which another moment or another node may answer. */
const WAITABLE: ReadonlySet<string> = new Set([
  'NOT_PRIMARY',
  'PRIMARY_UNREACHABLE',
  'NOT_OPEN',
  'NO_QUORUM',
  'SERVER_DOWN',
]);

export interface HeldRequest {
  /** The request's own time, from its arrival. */
  readonly timeoutMs: number;
  /** Whether the client asked that this node sends the request to the primary's node. */
  readonly forwards: boolean;
  /** It is never sent on to another node; then its client is told where the primary is. */
  readonly staysHere: boolean;
  /** Cancelled when the client has gone away. */
  readonly gone: Cancellation;
}

export interface Attempt {
  /** What is left of the request's time. */
  readonly timeoutMs: number;
  readonly forwards: boolean;
}

export interface Attempted {
  /** Makes the answer. Called once, for the last attempt. `heldMs`: how long the request was held. */
  reply(heldMs?: number): HandlerReply;
  /** What the reply says if it is an error that another attempt might not have. */
  readonly refusal: ApiError | null;
}

export interface HeldRequestsModules {
  readonly node: Pick<NodeView, 'role' | 'isOpen' | 'primaryIs' | 'onPrimary'>;
  /** Cancelled when the node stops. */
  readonly stopping: Cancellation;
}

/**
 * Requests that no open primary can answer now wait here until there is one: during an election, a hand-over, or the opening of
 * a new primary. Only what was certainly not done is tried again. A waiting request holds its body and its connection, both of
 * which have limits of their own, and no session.
 */
export class HeldRequests {
  readonly #waitMs: number;
  readonly #heldMax: number;
  readonly #modules: HeldRequestsModules;
  #isPrimary = false;
  /** When this node was the primary for the last time; monotonic. */
  #lostAtMs = Number.NEGATIVE_INFINITY;
  #held = 0;
  #total = 0;

  /** `waitMs` 0: no request waits. `heldMax`: one more is answered at once. */
  constructor({ waitMs, heldMax }: { waitMs: number; heldMax: number }, modules: HeldRequestsModules) {
    this.#waitMs = waitMs;
    this.#heldMax = heldMax;
    this.#modules = modules;
    modules.node.onPrimary(() => this.#look());
  }

  #look(): void {
    const isPrimary = this.#modules.node.role() === 'primary';
    if (this.#isPrimary && !isPrimary) this.#lostAtMs = monotonicMs();
    this.#isPrimary = isPrimary;
  }

  /** Requests that wait now, and those that have waited since the start of the node. */
  get counts(): { readonly held: number; readonly total: number } {
    return { held: this.#held, total: this.#total };
  }

  /** Makes attempts until one is final, or the time to wait is over. @throws ApiError, and what an attempt throws */
  async run(
    { timeoutMs, forwards, staysHere, gone }: HeldRequest,
    attempt: (how: Attempt) => Promise<Attempted>,
  ): Promise<HandlerReply> {
    const { node, stopping } = this.#modules;
    const arrivedAtMs = monotonicMs();
    this.#look();
    // A client that came to the primary is led to the next one, though it did not ask for that. It may not know yet that this
    // node is not the primary any more.
    const cameForPrimary = this.#isPrimary || arrivedAtMs - this.#lostAtMs < this.#waitMs;
    const mayForward = forwards || (!staysHere && cameForPrimary);
    const untilMs = arrivedAtMs + Math.min(this.#waitMs, timeoutMs);
    let how: Attempt = { timeoutMs, forwards: forwards || (mayForward && !this.#isPrimary) };
    let wasHere = false;
    for (;;) {
      const { reply, refusal } = await refusedOr(() => attempt(how));
      if (refusal === null) return reply();
      const heldMs = monotonicMs() - arrivedAtMs;
      // An open primary that takes no writes at two attempts has a reason that does not pass soon, such as a full disk.
      const isHere = refusal.code === 'NOT_OPEN' && node.primaryIs() === 'here';
      const isOver =
        (isHere && wasHere) || gone.cancelled || stopping.cancelled || this.#held >= this.#heldMax;
      if (isOver || arrivedAtMs + heldMs >= untilMs || !this.#isWorthWaiting(refusal, mayForward))
        return reply(heldMs);
      wasHere = isHere;
      await this.#untilBetter(refusal, untilMs, gone);
      const leftMs = Math.max(1, Math.round(timeoutMs - (monotonicMs() - arrivedAtMs)));
      how = { timeoutMs: leftMs, forwards: mayForward };
    }
  }

  #isWorthWaiting({ code, details }: ApiError, mayForward: boolean): boolean {
    if (!WAITABLE.has(code) || (details.applied ?? 'no') !== 'no') return false;
    // Otherwise the client is told where the primary is, or what is wrong with this replica.
    return mayForward || this.#modules.node.primaryIs() !== 'elsewhere' || details.primary === null;
  }

  /** Resolves when another attempt may succeed, or the time is over. */
  async #untilBetter({ code }: ApiError, untilMs: number, gone: Cancellation): Promise<void> {
    const { node, stopping } = this.#modules;
    this.#held++;
    this.#total++;
    try {
      // The refusal may be older than what the node knows now. A short wait keeps the attempts from following each other at once.
      const isKnown = node.primaryIs() !== null;
      do {
        const leftMs = Math.max(1, untilMs - monotonicMs());
        await this.#untilChange(isKnown ? Math.min(AGAIN_MS, leftMs) : leftMs, [gone, stopping]);
        if (isKnown || node.primaryIs() !== null) return;
        // Without a primary, a node that serves answers reads.
        if (code !== 'NOT_PRIMARY' && node.isOpen().open) return;
      } while (monotonicMs() < untilMs && !gone.cancelled && !stopping.cancelled);
    } finally {
      this.#held--;
    }
  }

  #untilChange(ms: number, ends: readonly Cancellation[]): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        off();
        for (const end of ends) end.off(done);
        resolve();
      };
      const timer = setTimeout(done, ms);
      const off = this.#modules.node.onPrimary(done);
      for (const end of ends) end.on(done);
    });
  }
}

/** An attempt that was answered. */
export function final(reply: HandlerReply): Attempted {
  return { reply: () => reply, refusal: null };
}

async function refusedOr(attempt: () => Promise<Attempted>): Promise<Attempted> {
  try {
    return await attempt();
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    const reply = (heldMs = 0): never => {
      throw heldMs < AGAIN_MS ? error : held(error, heldMs);
    };
    return { reply, refusal: error };
  }
}

function held({ status, code, message, details }: ApiError, ms: number): ApiError {
  const text = `${message} The request waited ${Math.round(ms)} ms for an open primary.`;
  // The catalogue has the two together already.
  return new ApiError(status as 503, code as 'NOT_OPEN', text, details);
}
