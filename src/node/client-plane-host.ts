import { MessageChannel, type Worker } from 'node:worker_threads';
import { messageOf, SkeinError } from '../model/error.js';
import {
  type DoneOf,
  errorOf,
  type FromPlane,
  type Order,
  type PlaneEnds,
  type PlaneFigures,
  type ToPlane,
} from '../planes/messages.js';
import { PlaneSignals } from '../planes/plane-signals.js';
import type { Logger } from '../std/logger.js';
import { backoffMs, sleep, withDeadline } from '../std/timing.js';
import type { PlanePublisher } from './plane-publisher.js';
import { TurnWatch } from './turn-watch.js';

export interface ClientPlaneTimes {
  /** When the role closes, a client plane that has not cut its connections in this time is ended. */
  readonly cutMs: number;
  /** A client plane whose event loop does not turn for this long is ended. */
  readonly hungMs: number;
  /** Time from the start of the thread until its ports are open. */
  readonly startMs: number;
  /** When the node stops: the time for the plane to stop serving, and again to end. */
  readonly stopMs: number;
  /** Figures that have not arrived in this time are left out of the metrics. */
  readonly measureMs: number;
}

const TIMES: ClientPlaneTimes = {
  // Waiting is safe: a plane whose event loop does not turn forwards nothing (see Gate). So a busy machine gets this long.
  cutMs: 1_000,
  hungMs: 5_000,
  startMs: 30_000,
  stopMs: 5_000,
  // Prometheus waits ten seconds for a scrape by default.
  measureMs: 1_000,
};
const RESTART_FIRST_MS = 50;
const RESTART_MAX_MS = 5_000;
/** Run time after which the back-off of restarts is reset. */
const GOOD_LIFE_MS = 10_000;

/** `Sent` and `Received`: messages of this client plane in addition to those of all client planes. */
export interface ClientPlaneHostModules<Sent, Received> {
  readonly logger: Logger;
  readonly publisher: PlanePublisher;
  /** Starts the thread. */
  spawn(ends: PlaneEnds): Worker;
  /** A message arrived. `answer` sends to the same run of the thread. */
  received(message: Received, answer: (message: Sent) => void): void;
  /** A run begins. Messages posted now arrive before all others. */
  began(post: (message: Sent) => void): void;
  /** A run has ended. */
  ended(): void;
  /** A position has moved, and the plane waits for one. */
  moved(): void;
  /** Lines for the node's log. */
  log(lines: readonly string[], urgent: boolean): void;
  /** The thread has ended, or was ended, and will be started again. */
  restarted(reason: string): void;
}

/** One run of the thread. */
interface Run {
  readonly worker: Worker;
  readonly signals: PlaneSignals;
  readonly startedAtMs: number;
  /** Resolves when the ports are open. Rejects when the thread ends before that. */
  readonly started: Promise<void>;
  readonly ended: Promise<void>;
  listens: boolean;
  /** Why the host has ended the thread; null = the host has not ended it. */
  endedFor: string | null;
}

type Settled = { readonly kind: 'done'; readonly value: unknown } | { readonly kind: 'gone' };

/**
 * Keeps one client plane running: it starts the thread, and starts it again when it ends or its event loop hangs. Every wait
 * for the thread has a time limit, so the thread delays neither the replication plane nor the other client plane.
 */
export class ClientPlaneHost<
  Sent extends { readonly kind: string },
  Received extends { readonly kind: string },
> {
  readonly #modules: ClientPlaneHostModules<Sent, Received>;
  readonly #times: ClientPlaneTimes;
  readonly #orders = new Map<number, (settled: Settled) => void>();
  #run: Run | null = null;
  #lastOrder = 0;
  #stopping = false;
  #watch: TurnWatch | null = null;

  constructor(modules: ClientPlaneHostModules<Sent, Received>, times: Partial<ClientPlaneTimes> = {}) {
    this.#modules = modules;
    this.#times = { ...TIMES, ...times };
  }

  /** Resolves when the ports are open. @throws SkeinError PORT_TAKEN | LISTEN_FAILED | CLIENT_PLANE_FAILED */
  async start(): Promise<void> {
    const run = this.#begin();
    await run.started;
    void this.#keep(run);
  }

  /** Signals of the current run; null between two runs. */
  get signals(): PlaneSignals | null {
    return this.#run?.signals ?? null;
  }

  /** Resolves when every connection that the current state does not allow is cut, or the thread was told to end. */
  async cut(): Promise<void> {
    const run = this.#run;
    // A plane whose ports are not open yet has no connections, and starts with the current state.
    if (!run?.listens) return;
    if ((await this.#order(run, 'cut', this.#times.cutMs)).kind !== 'late') return;
    this.#kill(run, `it did not cut its connections within ${this.#times.cutMs} ms`);
  }

  /** Null when the plane does not run, or does not answer in time. */
  async measure(): Promise<PlaneFigures | null> {
    const run = this.#run;
    if (!run?.listens) return null;
    const end = await this.#order(run, 'measure', this.#times.measureMs);
    return end.kind === 'done' ? ((end.value as DoneOf<'measure'> | undefined) ?? null) : null;
  }

  post(message: Sent): void {
    this.#run?.worker.postMessage(message);
  }

  /** Resolves when the plane has stopped serving clients, or was told to end. */
  async stop(): Promise<void> {
    this.#stopping = true;
    this.#watch?.stop();
    const run = this.#run;
    if (!run?.listens) return;
    if ((await this.#order(run, 'stop', this.#times.stopMs)).kind !== 'late') return;
    this.#modules.logger.error({}, 'the client plane does not stop in time; ending it');
    this.#kill(run, 'it does not stop');
  }

  /**
   * Ends the thread. `written`: the thread wrote all audit lines before its end. `not written`: it did not, or there was no
   * thread. `stuck`: the thread does not end, and may still write.
   */
  async end(): Promise<'written' | 'not written' | 'stuck'> {
    this.#stopping = true;
    const run = this.#run;
    if (!run) return 'not written';
    const end = await this.#order(run, 'end', this.#times.stopMs);
    this.#kill(run, 'the node ends');
    try {
      await withDeadline(run.ended, this.#times.stopMs, 'the end of the thread');
    } catch {
      return 'stuck';
    }
    return end.kind === 'done' ? 'written' : 'not written';
  }

  /** Ends the thread without waiting, because the process ends. */
  abandon(): void {
    this.#stopping = true;
    if (this.#run) this.#kill(this.#run, 'the node failed');
  }

  #begin(): Run {
    const { publisher, logger } = this.#modules;
    const { port1, port2 } = new MessageChannel();
    const signals = new PlaneSignals();
    // The state is written before the thread starts, so the thread never reads unwritten memory.
    const detach = publisher.attach({ factsPort: port1, signals, moved: () => this.#modules.moved() });
    const worker = this.#modules.spawn({
      state: publisher.memory,
      signals: signals.memory,
      factsPort: port2,
    });
    let listens = () => {};
    let failed = (_: Error) => {};
    let over = () => {};
    const run: Run = {
      worker,
      signals,
      startedAtMs: performance.now(),
      started: new Promise<void>((resolve, reject) => {
        listens = resolve;
        failed = reject;
      }),
      ended: new Promise<void>((resolve) => {
        over = resolve;
      }),
      listens: false,
      endedFor: null,
    };
    // Only the first run has a caller that handles a rejection. Later runs report their end by `ended`.
    run.started.catch(() => {});
    this.#run = run;
    let reason = 'it ended';
    const deadline = setTimeout(
      () => this.#kill(run, `it did not listen within ${this.#times.startMs} ms`),
      this.#times.startMs,
    );
    worker.on('message', (message: FromPlane | Received) => {
      if (!isFromPlane(message)) {
        this.#modules.received(message, (answer) => worker.postMessage(answer));
      } else if (message.kind === 'started') {
        clearTimeout(deadline);
        run.listens = true;
        listens();
      } else if (message.kind === 'failed') {
        reason = message.error.message;
        failed(errorOf(message.error));
        this.#kill(run, reason);
      } else if (message.kind === 'done') {
        this.#orders.get(message.id)?.(message);
      } else {
        this.#modules.log(message.lines, message.urgent);
      }
    });
    worker.on('error', (error) => {
      reason = messageOf(error);
      logger.error({ err: error }, 'the client plane failed');
    });
    worker.on('exit', () => {
      clearTimeout(deadline);
      failed(new SkeinError('CLIENT_PLANE_FAILED', `The thread that serves clients ended: ${reason}.`));
      detach();
      this.#ended(run, run.endedFor ?? reason);
      over();
    });
    this.#modules.began((message) => worker.postMessage(message));
    const { hungMs } = this.#times;
    this.#watch = new TurnWatch(
      { hungMs },
      {
        turns: () => (run.listens ? signals.turns : null),
        hung: () => this.#kill(run, `its event loop did not turn for ${hungMs} ms`),
      },
    );
    return run;
  }

  #ended(run: Run, reason: string): void {
    this.#run = null;
    this.#watch?.stop();
    this.#modules.ended();
    for (const settle of this.#orders.values()) settle({ kind: 'gone' });
    run.endedFor = reason;
    if (!this.#stopping) this.#modules.logger.error({ reason }, 'the client plane has ended');
  }

  /** Starts the thread again after each end, until the node stops. */
  async #keep(first: Run): Promise<void> {
    let run = first;
    for (let attempt = 0; ; attempt++) {
      await run.ended;
      if (this.#stopping) return;
      if (performance.now() - run.startedAtMs > GOOD_LIFE_MS) attempt = 0;
      this.#modules.restarted(run.endedFor ?? 'it ended');
      await sleep(backoffMs(attempt, RESTART_FIRST_MS, RESTART_MAX_MS));
      if (this.#stopping) return;
      run = this.#begin();
    }
  }

  async #order(run: Run, order: Order, ms: number): Promise<Settled | { readonly kind: 'late' }> {
    const id = ++this.#lastOrder;
    const settled = new Promise<Settled>((resolve) => this.#orders.set(id, resolve));
    run.worker.postMessage({ kind: 'order', id, order } satisfies ToPlane);
    try {
      return await withDeadline(settled, ms, order);
    } catch {
      return { kind: 'late' };
    } finally {
      this.#orders.delete(id);
    }
  }

  /** Does not wait for the end, because a thread in a long native call ends only after the call. */
  #kill(run: Run, why: string): void {
    run.endedFor ??= why;
    void run.worker.terminate();
  }
}

const FROM_EVERY_PLANE: ReadonlySet<string> = new Set<FromPlane['kind']>([
  'started',
  'failed',
  'done',
  'log',
]);

function isFromPlane(message: FromPlane | { readonly kind: string }): message is FromPlane {
  return FROM_EVERY_PLANE.has(message.kind);
}
