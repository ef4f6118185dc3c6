import type { Pulse } from '../mysql-control/pulse.js';
import { type Clock, systemClock, type Timer } from '../std/clock.js';
import { durationText } from '../std/duration-text.js';
import type { Logger } from '../std/logger.js';
import { HangJudge, LOOK_INTERVAL_MS, type Silence } from './hang-judge.js';

export interface HangWatchModules {
  readonly logger: Logger;
  readonly pulse: Pick<Pulse, 'signs' | 'isClosed' | 'ask' | 'knock' | 'stop'>;
  /** CPU time of the process so far. */
  cpuMs(): number;
  /** One of its threads runs, or waits for nothing but a core. */
  isRunnable(): boolean;
  /** A number that grows while the server does its work. */
  progress(): number;
  /** Why people should not count on this server now; null = it answers. */
  silent(reason: string | null): void;
  hung(reason: string): void;
  readonly clock?: Clock;
}

/** Part of the limit after which the silence is told. */
const TOLD_AFTER = 0.5;

/** Watches whether one run of the server hangs, until that is so or the watch is stopped. */
export class HangWatch {
  readonly #modules: HangWatchModules;
  readonly #clock: Clock;
  readonly #limitMs: number;
  #judge: HangJudge;
  /** It has answered a login, so it can be asked. */
  #isUp = false;
  #isSilent = false;
  #isTold = false;
  #hasStopped = false;
  #timer: Timer | null = null;

  /** `startLimitMs`: the limit before the server has answered for the first time. */
  constructor(limits: { limitMs: number; startLimitMs: number }, modules: HangWatchModules) {
    this.#modules = modules;
    this.#clock = modules.clock ?? systemClock;
    this.#limitMs = limits.limitMs;
    this.#judge = new HangJudge(limits.startLimitMs);
  }

  start(): void {
    this.#timer = this.#clock.setTimer(LOOK_INTERVAL_MS, () => this.#look());
  }

  /** The server has answered a login. The watch starts, if it has not. */
  up(): void {
    this.#isUp = true;
    this.#judge = new HangJudge(this.#limitMs);
    if (this.#timer === null) this.start();
  }

  stop(): void {
    if (this.#hasStopped) return;
    this.#hasStopped = true;
    this.#clock.clearTimer(this.#timer);
    this.#modules.pulse.stop();
    this.#tell(null);
  }

  #look(): void {
    const { pulse, cpuMs, isRunnable, progress, hung } = this.#modules;
    const silence = this.#judge.look({
      nowMs: this.#clock.nowMs(),
      signs: pulse.signs + progress(),
      isClosed: pulse.isClosed,
      cpuMs: cpuMs(),
      // Looks at each thread, so only when it matters.
      runnable: this.#isSilent && isRunnable(),
    });
    this.#isSilent = silence.silentMs > 0;
    if (silence.isHung) {
      this.stop();
      hung(hungText(silence));
      return;
    }
    const isLong = silence.silentMs >= this.#limitMs * TOLD_AFTER;
    this.#tell(this.#isUp && isLong ? silentText(silence) : null);
    if (this.#isUp) pulse.ask();
    if (this.#isSilent || !this.#isUp) pulse.knock();
    this.start();
  }

  #tell(reason: string | null): void {
    const { logger, silent } = this.#modules;
    if (reason === null && !this.#isTold) return;
    if (reason !== null && !this.#isTold) logger.warn({ reason }, 'the server does not answer');
    if (reason === null && !this.#hasStopped) logger.info({}, 'the server answers again');
    this.#isTold = reason !== null;
    silent(reason);
  }
}

function silentText({ silentMs, isWorking, limitMs }: Silence): string {
  const why = isWorking ? ', because it is working or waits for a core' : '';
  return `Its server has answered nothing for ${durationText(silentMs)}. It counts as hung after ${durationText(limitMs)}${why}.`;
}

function hungText({ silentMs, isWorking }: Silence): string {
  const but = isWorking ? ', although it uses its cores or waits for one' : ', and did nothing else';
  return `for ${durationText(silentMs)} it answered neither a statement nor a new connection${but}`;
}
