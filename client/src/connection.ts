/** A call to the cluster: chooses nodes and repeats what may be repeated, within one deadline. Shared by all sessions. */
import type { ClusterStatus } from './api.js';
import { afterFailure, leavesOpen, type Nature, type Next } from './attempts.js';
import { type Applied, SkeinError } from './error.js';
import type { ParseJson } from './lines.js';
import { Nodes } from './nodes.js';
import type { CallOptions, ClientOptions } from './options.js';
import { type Fetch, type Outgoing, requestJson } from './transport.js';

const TIMEOUT_DEFAULT_MS = 30_000;
/** Added to the node's own deadline, for its answer to arrive. */
const ANSWER_GRACE_MS = 2000;
/** Age of the known members above which they are looked up again. */
const REFRESH_MS = 15_000;
const LOOK_UP_TIMEOUT_MS = 2000;
const DELAY_FIRST_MS = 50;
const DELAY_MAX_MS = 1000;

/** A replica gets a quarter of the call's time to reach a position, but at least this much. */
const CATCH_UP_MIN_MS = 500;
const AT_ONCE: Next = { kind: 'again', elsewhere: false, delay: false };

/** What one attempt needs to know of its call. */
export interface Attempt {
  readonly node: string;
  /** Remaining time of the call, sent to the node. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

export interface Call<T> extends CallOptions {
  readonly where: 'primary' | 'any';
  readonly nature: Nature;
  readonly idempotencyKey?: string;
  /** The only one that can answer. */
  readonly node?: string;
  /** The replica has to reach a position first. If it does not, it must not use up the whole time. */
  readonly catchUp?: boolean;
  send(attempt: Attempt): Promise<T>;
}

export class Connection {
  readonly nodes: Nodes;
  readonly fetch: Fetch;
  readonly discover: boolean;
  readonly parseJson: ParseJson;
  readonly #token: ClientOptions['token'];
  readonly #timeoutMs: number;
  #lookedUpAt = Number.NEGATIVE_INFINITY;
  #lookingUp: Promise<void> | null = null;

  constructor(options: ClientOptions) {
    const seeds = typeof options.nodes === 'string' ? [options.nodes] : options.nodes;
    if (seeds.length === 0) throw new SkeinError('INVALID_FIELD', 'A client needs the address of a node.');
    this.nodes = new Nodes(seeds);
    // Called without `this`: a browser's fetch throws when it is called as a method.
    this.fetch = options.fetch ?? ((...args) => fetch(...args));
    this.discover = options.discover ?? true;
    this.parseJson = options.parseJson ?? JSON.parse;
    this.#token = options.token;
    this.#timeoutMs = options.timeoutMs ?? TIMEOUT_DEFAULT_MS;
  }

  token(): string | Promise<string> {
    return typeof this.#token === 'string' ? this.#token : this.#token();
  }

  /** @throws SkeinError of the last attempt, with what is known of all of them */
  async run<T>(call: Call<T>): Promise<T> {
    const timeoutMs = call.timeoutMs ?? this.#timeoutMs;
    const until = performance.now() + timeoutMs;
    const deadline = AbortSignal.timeout(timeoutMs + ANSWER_GRACE_MS);
    const signal = call.signal ? AbortSignal.any([call.signal, deadline]) : deadline;
    if (this.discover && call.node === undefined && performance.now() - this.#lookedUpAt > REFRESH_MS)
      await this.#lookUp(signal);
    const refusedBy = new Set<string>();
    let open: Applied = 'no';
    let mayBeStuck = call.catchUp === true;
    for (let failures = 0; ; failures++) {
      const isLast = refusedBy.size >= this.nodes.urls.length - 1;
      const node = call.node ?? this.#next(call.where, refusedBy);
      try {
        throwIfAborted(signal, open);
        const left = Math.max(1, Math.round(until - performance.now()));
        const capMs = mayBeStuck && !isLast ? Math.max(CATCH_UP_MIN_MS, left / 4) : left;
        const answer = await call.send({ node, timeoutMs: Math.round(Math.min(left, capMs)), signal });
        this.nodes.answered(node);
        return answer;
      } catch (thrown) {
        const error = asSkeinError(thrown);
        const known: SkeinError =
          leavesOpen(error) && open === 'unknown' ? error.with({ applied: open }) : error;
        open = known.applied === 'unknown' ? 'unknown' : 'no';
        this.#learnFrom(error, node);
        // The time-out came in the statement, so the replica has reached the position: try with all the remaining time.
        const wasShort = mayBeStuck && !isLast && error.code === 'TIMEOUT' && error.status === 504;
        if (wasShort) mayBeStuck = false;
        const next = wasShort ? AT_ONCE : afterFailure(error, call.nature);
        const giveUp = () =>
          call.idempotencyKey === undefined ? known : known.with({ idempotencyKey: call.idempotencyKey });
        if (next.kind === 'give up') throw giveUp();
        if (next.elsewhere) refusedBy.add(node);
        const everywhere = refusedBy.size >= this.nodes.urls.length;
        if (everywhere) refusedBy.clear();
        const delay = next.delay && (everywhere || !next.elsewhere || call.where === 'primary');
        const waitMs = delay ? Math.max(error.retryAfterMs, backOff(failures)) : 0;
        // Without a delay, try a few more times only: when every node refuses at once, this must not spin.
        const pauseMs = waitMs === 0 && failures > 3 ? backOff(failures) : waitMs;
        if (performance.now() + pauseMs >= until) throw giveUp();
        await pause(pauseMs, signal);
        if (this.discover && delay) await this.#lookUp(signal);
      }
    }
  }

  #next(where: 'primary' | 'any', refusedBy: ReadonlySet<string>): string {
    const candidates = this.nodes.candidates(where);
    // The primary that a node named comes before nodes that have not been asked.
    if (where === 'primary' && this.nodes.primary !== null) return candidates[0] as string;
    return candidates.find((url) => !refusedBy.has(url)) ?? (candidates[0] as string);
  }

  #learnFrom(error: SkeinError, node: string): void {
    if (error.code === 'NOT_PRIMARY' || error.code === 'WITNESS') {
      if (error.code === 'WITNESS') this.nodes.isWitness(node);
      else this.nodes.isNoPrimary(node);
      // Without discovery, an address that was not given may be out of reach.
      if (error.primary !== null && (this.discover || this.nodes.urls.includes(error.primary))) {
        this.nodes.primaryIs(error.primary);
      }
    } else if (error.status === 0 && error.code !== 'ABORTED' && error.code !== 'TIMEOUT') {
      this.nodes.failed(node);
    } else if (error.code === 'POSITION_NOT_REACHED') {
      this.nodes.failed(node);
    } else if (error.status >= 502 && error.code !== 'OUTCOME_UNKNOWN' && error.code !== 'TIMEOUT') {
      this.nodes.failed(node);
    }
  }

  /** One look-up at a time, shared by concurrent callers. Never fails: on an error the known nodes stay. */
  #lookUp(signal: AbortSignal): Promise<void> {
    this.#lookingUp ??= this.#askMembers(signal).finally(() => {
      this.#lookingUp = null;
    });
    return this.#lookingUp;
  }

  async #askMembers(signal: AbortSignal): Promise<void> {
    for (const node of this.nodes.everywhere()) {
      if (signal.aborted) return;
      try {
        const { body } = await requestJson<ClusterStatus>(this.fetch, node, {
          method: 'GET',
          path: '/v1/cluster',
          token: await this.token(),
          signal: AbortSignal.any([signal, AbortSignal.timeout(LOOK_UP_TIMEOUT_MS)]),
          lostApplied: 'no',
        });
        if (!this.nodes.learn(body)) continue;
        this.#lookedUpAt = performance.now();
        return;
      } catch {
        this.nodes.failed(node);
      }
    }
  }

  async outgoing(
    attempt: Attempt,
    rest: Omit<Outgoing, 'token' | 'signal' | 'parseJson'>,
  ): Promise<Outgoing> {
    return { ...rest, token: await this.token(), signal: attempt.signal, parseJson: this.parseJson };
  }
}

/** Random, between a half and the whole, so that clients do not retry at the same moment. */
function backOff(failures: number): number {
  return Math.min(DELAY_MAX_MS, DELAY_FIRST_MS * 2 ** failures) * (0.5 + Math.random() / 2);
}

function throwIfAborted(signal: AbortSignal, applied: Applied): void {
  if (!signal.aborted) return;
  const timedOut = (signal.reason as { name?: string } | undefined)?.name === 'TimeoutError';
  throw new SkeinError(
    timedOut ? 'TIMEOUT' : 'ABORTED',
    timedOut ? 'The time of the call was over.' : 'The call was aborted.',
    {
      applied,
      cause: signal.reason,
    },
  );
}

function asSkeinError(error: unknown): SkeinError {
  if (error instanceof SkeinError) return error;
  return new SkeinError('BAD_ANSWER', error instanceof Error ? error.message : String(error), {
    applied: 'unknown',
    cause: error,
  });
}

/** Returns early, without an error, when the signal aborts; the caller checks the signal. */
function pause(ms: number, signal: AbortSignal): Promise<void> {
  if (ms <= 0 || signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', done, { once: true });
  });
}
