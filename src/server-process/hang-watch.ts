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
  /** A number that grows every second while the disk under the server takes writes; null: a disk that hangs is no reason. */
  diskWrites(): number | null;
  /** Why people should not count on this server now; null = it answers. */
  silent(reason: string | null): void;
  hung(reason: string): void;
  readonly clock?: Clock;
}

/** Part of the limit after which the silence is told. */
const TOLD_AFTER = 0.5;
/** A disk that is tried again, or is busy with large copies, comes back within this many limits. */
const DISK_FACTOR = 3;

/** Watches whether one run of the server hangs, until that is so or the watch is stopped. */
export class HangWatch {
  readonly #modules: HangWatchModules;
  readonly #clock: Clock;
  readonly #limitMs: number;
  #judge: HangJudge;
  readonly #diskJudge: HangJudge;
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
    this.#diskJudge = new HangJudge(DISK_FACTOR * limits.limitMs);
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
    const disk = this.#lookAtDisk();
    if (silence.isHung || disk?.isHung) {
      this.stop();
      hung(silence.isHung ? hungText(silence) : hungDiskText(disk as Silence));
      return;
    }
    const isLong = ({ silentMs }: Silence) => silentMs >= this.#limitMs * TOLD_AFTER;
    const told = isLong(silence) ? silentText(silence) : disk && isLong(disk) ? silentDiskText(disk) : null;
    this.#tell(this.#isUp ? told : null);
    if (this.#isUp) pulse.ask();
    if (this.#isSilent || !this.#isUp) pulse.knock();
    this.start();
  }

  #lookAtDisk(): Silence | null {
    const writes = this.#modules.diskWrites();
    if (writes === null) return null;
    const nowMs = this.#clock.nowMs();
    return this.#diskJudge.look({ nowMs, signs: writes, isClosed: false, cpuMs: 0, runnable: false });
  }

  #tell(reason: string | null): void {
    const { logger, silent } = this.#modules;
    if (reason === null && !this.#isTold) return;
    if (reason !== null && !this.#isTold) logger.warn({ reason }, 'the server may hang');
    if (reason === null && !this.#hasStopped) logger.info({}, 'the server does not hang');
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

function silentDiskText({ silentMs, limitMs }: Silence): string {
  return `Its disk has taken no write for ${durationText(silentMs)}. It counts as hung after ${durationText(limitMs)}.`;
}

function hungDiskText({ silentMs }: Silence): string {
  return `for ${durationText(silentMs)} its disk took no write`;
}
