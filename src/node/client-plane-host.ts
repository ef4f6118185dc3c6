import { MessageChannel, type Worker } from 'node:worker_threads';
import { messageOf, SkeinError } from '../model/error.js';
import type { UserSession } from '../mysql-control/user-accounts.js';
import {
  type AnswerTo,
  type ClientPlaneData,
  errorData,
  errorOf,
  type Order,
  type Question,
  type ToClients,
  type ToNode,
} from '../planes/messages.js';
import { createSharedMemory } from '../planes/shared-state.js';
import type { Logger } from '../std/logger.js';
import { backoffMs, sleep, withDeadline } from '../std/timing.js';
import type { AuditRelay } from './audit-relay.js';
import type { PlanePublisher } from './plane-publisher.js';
import { TurnWatch } from './turn-watch.js';

export interface ClientPlaneTimes {
  /** Closing cuts the connections of clients within this time, or the client plane is ended. */
  readonly cutMs: number;
  /** An event loop that does not turn for this long is ended. */
  readonly hungMs: number;
  /** From its start until it listens. */
  readonly startMs: number;
  /** For the requests that run when the node stops. */
  readonly stopMs: number;
}

const TIMES: ClientPlaneTimes = {
  // A client plane that does not turn passes nothing on either (see Gate); it has time for a long turn on a busy machine.
  cutMs: 1_000,
  hungMs: 5_000,
  startMs: 30_000,
  stopMs: 5_000,
};
const RESTART_FIRST_MS = 50;
const RESTART_MAX_MS = 5_000;
/** A client plane that lived this long was well: its next restart is quick again. */
const GOOD_LIFE_MS = 10_000;

export interface ClientPlaneHostModules {
  readonly logger: Logger;
  readonly publisher: PlanePublisher;
  readonly audit: AuditRelay;
  /** Starts the thread; the two ends of the planes are added to what it is given. */
  spawn(ends: Pick<ClientPlaneData, 'memory' | 'factsPort'>): Worker;
  /** Answers what the client plane asks. */
  answer<What extends Question>(what: What): Promise<AnswerTo<What>>;
  /** Somebody waits for a position. */
  readNow(): void;
  loginRefused(): void;
  /** Lines for the node's log. */
  log(lines: readonly string[], urgent: boolean): void;
  /** Whether somebody follows the node's log: then its lines are given to `post`. */
  follow(on: boolean): void;
  /** It was ended, or ended itself, and is started again. */
  restarted(reason: string): void;
}

/** One run of the thread. */
interface Run {
  readonly worker: Worker;
  readonly startedAtMs: number;
  /** Rejects when it ends before it listens. */
  readonly started: Promise<void>;
  readonly ended: Promise<void>;
  listens: boolean;
  /** Why this side ended it. */
  endedFor: string | null;
}

/**
 * Keeps the client plane running: starts its thread, starts it again when it ends by itself or does not turn any more,
 * and never waits for it longer than it says. What the thread does delays nothing of this plane.
 */
export class ClientPlaneHost {
  readonly #modules: ClientPlaneHostModules;
  readonly #times: ClientPlaneTimes;
  readonly #orders = new Map<number, (end: 'done' | 'gone') => void>();
  #run: Run | null = null;
  #lastOrder = 0;
  #stopping = false;
  #watch: TurnWatch | null = null;

  constructor(modules: ClientPlaneHostModules, times: Partial<ClientPlaneTimes> = {}) {
    this.#modules = modules;
    this.#times = { ...TIMES, ...times };
  }

  /** Resolves when it listens. @throws SkeinError PORT_TAKEN | LISTEN_FAILED | CLIENT_PLANE_FAILED */
  async start(): Promise<void> {
    const run = this.#begin();
    await run.started;
    void this.#keep(run);
  }

  /** What is closed by now is served to nobody any more when this resolves: its connections are cut, or the thread is ended. */
  async cut(): Promise<void> {
    const run = this.#run;
    // One that does not listen yet has no connection, and begins with what is known then.
    if (!run?.listens) return;
    if ((await this.#order(run, 'cut', this.#times.cutMs)) !== 'late') return;
    this.#kill(run, `it did not cut its connections within ${this.#times.cutMs} ms`);
  }

  cutSessions(sessions: readonly UserSession[]): void {
    this.post({ kind: 'cutSessions', sessions: sessions.map(({ address, port }) => ({ address, port })) });
  }

  post(message: ToClients): void {
    this.#run?.worker.postMessage(message);
  }

  /** Serves nobody any more; the audit trail is still written. */
  async stop(): Promise<void> {
    this.#stopping = true;
    this.#watch?.stop();
    const run = this.#run;
    if (!run?.listens) return;
    if ((await this.#order(run, 'stop', this.#times.stopMs)) !== 'late') return;
    this.#modules.logger.error({}, 'the client plane does not stop in time; ending it');
    this.#kill(run, 'it does not stop');
  }

  /**
   * The thread is gone. `written`: with everything that was added to the audit trail. `stuck`: it is not gone, and may still
   * write there.
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
    return end === 'done' ? 'written' : 'not written';
  }

  /** The process ends: nothing more is served. */
  abandon(): void {
    this.#stopping = true;
    if (this.#run) this.#kill(this.#run, 'the node failed');
  }

  #begin(): Run {
    const memory = createSharedMemory();
    const { port1, port2 } = new MessageChannel();
    const { publisher, audit } = this.#modules;
    // Before the thread is there: memory that nobody has written is never read.
    publisher.attach({ memory, factsPort: port1, moved: () => this.post({ kind: 'moved' }) });
    const worker = this.#modules.spawn({ memory, factsPort: port2 });
    let listens = () => {};
    let failed = (_: Error) => {};
    let over = () => {};
    const run: Run = {
      worker,
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
    // Whoever starts it hears of it; a later one ends by itself.
    run.started.catch(() => {});
    this.#run = run;
    let reason = 'it ended';
    const deadline = setTimeout(
      () => this.#kill(run, `it did not listen within ${this.#times.startMs} ms`),
      this.#times.startMs,
    );
    worker.on('message', (message: ToNode) => {
      if (message.kind === 'started') {
        clearTimeout(deadline);
        run.listens = true;
        listens();
      } else if (message.kind === 'failed') {
        reason = message.error.message;
        failed(errorOf(message.error));
        this.#kill(run, reason);
      } else this.#received(run, message);
    });
    worker.on('error', (error) => {
      reason = messageOf(error);
      this.#modules.logger.error({ err: error }, 'the client plane failed');
    });
    worker.on('exit', () => {
      clearTimeout(deadline);
      failed(new SkeinError('CLIENT_PLANE_FAILED', `The thread that serves clients ended: ${reason}.`));
      this.#ended(run, run.endedFor ?? reason);
      over();
    });
    audit.attach((line) => worker.postMessage({ kind: 'audit', line } satisfies ToClients));
    const { hungMs } = this.#times;
    this.#watch = new TurnWatch(
      { hungMs },
      {
        turns: () => (run.listens ? publisher.turns : null),
        hung: () => this.#kill(run, `its event loop did not turn for ${hungMs} ms`),
      },
    );
    return run;
  }

  #ended(run: Run, reason: string): void {
    if (this.#run !== run) return;
    this.#run = null;
    this.#watch?.stop();
    const { publisher, audit, logger } = this.#modules;
    publisher.detach();
    audit.detach();
    this.#modules.follow(false);
    for (const settle of this.#orders.values()) settle('gone');
    this.#orders.clear();
    run.endedFor = reason;
    if (!this.#stopping) logger.error({ reason }, 'the client plane has ended');
  }

  /** Again and again, until the node stops. */
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

  #received(run: Run, message: Exclude<ToNode, { kind: 'started' | 'failed' }>): void {
    const { audit, log, follow, readNow, loginRefused } = this.#modules;
    switch (message.kind) {
      case 'ask':
        void this.#answer(run, message.id, message.what);
        return;
      case 'done':
        this.#orders.get(message.id)?.('done');
        this.#orders.delete(message.id);
        return;
      case 'readNow':
        readNow();
        return;
      case 'loginRefused':
        loginRefused();
        return;
      case 'log':
        log(message.lines, message.urgent);
        return;
      case 'follow':
        follow(message.on);
        return;
      case 'audited':
        audit.written(message.number);
        return;
    }
  }

  async #answer(run: Run, id: number, what: Question): Promise<void> {
    try {
      const value = await this.#modules.answer(what);
      run.worker.postMessage({ kind: 'answer', id, answer: { ok: true, value } } satisfies ToClients);
    } catch (error) {
      const answer = { ok: false, error: errorData(error) } as const;
      run.worker.postMessage({ kind: 'answer', id, answer } satisfies ToClients);
    }
  }

  async #order(run: Run, order: Order, ms: number): Promise<'done' | 'gone' | 'late'> {
    const id = ++this.#lastOrder;
    const settled = new Promise<'done' | 'gone'>((resolve) => this.#orders.set(id, resolve));
    run.worker.postMessage({ kind: 'order', id, order } satisfies ToClients);
    try {
      return await withDeadline(settled, ms, order);
    } catch {
      return 'late';
    } finally {
      this.#orders.delete(id);
    }
  }

  /** Its end is not waited for: what is in the middle of a long call of native code ends behind it. */
  #kill(run: Run, why: string): void {
    run.endedFor ??= why;
    void run.worker.terminate();
  }
}
