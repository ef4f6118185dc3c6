import type { Clock, Timer } from '../std/clock.js';
import { type LoginLimits, LoginPlaces } from './login-places.js';
import type { Pipe } from './pipe.js';

/** Interval of the check for expired logins, and of the question to the server for logins under TLS. */
const SWEEP_MS = 1_000;

export interface LoginGuardModules {
  readonly clock: Clock;
  /** The server's threads that have no login yet. */
  threadsBeforeLogin(): Promise<ReadonlySet<number>>;
  /** Called for each connection that is dropped. */
  dropped(reason: string): void;
}

interface Hidden {
  readonly address: string;
  readonly sinceMs: number;
}

/**
 * Closes connections without a login: when their time is over, and the oldest first when there are too many. Under TLS
 * only the server knows about logins. It is asked once a second, while the state of any connection is unknown.
 */
export class LoginGuard {
  readonly #places: LoginPlaces<Pipe>;
  readonly #limits: LoginLimits;
  readonly #modules: LoginGuardModules;
  readonly #addresses = new Map<Pipe, Hidden>();
  readonly #hidden = new Set<Pipe>();
  #timer: Timer | null = null;
  #asking = false;

  constructor(limits: LoginLimits, modules: LoginGuardModules) {
    this.#limits = limits;
    this.#modules = modules;
    this.#places = new LoginPlaces(limits);
  }

  start(): void {
    this.#sweepRegularly();
  }

  stop(): void {
    this.#modules.clock.clearTimer(this.#timer);
  }

  #sweepRegularly(): void {
    this.#timer = this.#modules.clock.setTimer(SWEEP_MS, () => {
      this.#sweepRegularly();
      this.#sweep();
    });
  }

  /** Connections without a login, as far as known. */
  get count(): number {
    return this.#places.count;
  }

  add(pipe: Pipe, address: string): void {
    const place = { address, sinceMs: this.#modules.clock.nowMs() };
    this.#addresses.set(pipe, place);
    this.#places.add(pipe, address, place.sinceMs);
  }

  /** `asksServer`: the threads of the server that it leads to are known here. */
  loginChanged(pipe: Pipe, { asksServer }: { asksServer: boolean }): void {
    this.#places.remove(pipe);
    if (pipe.loginState === 'hidden' && asksServer) this.#hidden.add(pipe);
    else this.remove(pipe);
  }

  remove(pipe: Pipe): void {
    this.#places.remove(pipe);
    this.#hidden.delete(pipe);
    this.#addresses.delete(pipe);
  }

  /** Closes a connection for a new one if necessary; false = a full port stays full. */
  makeRoom(full: boolean): boolean {
    const pipe = this.#places.toDrop(this.#modules.clock.nowMs(), full);
    if (pipe) this.#drop(pipe, 'too many connections without a login');
    return pipe !== null;
  }

  #drop(pipe: Pipe, reason: string): void {
    this.remove(pipe);
    this.#modules.dropped(reason);
    pipe.destroy();
  }

  #sweep(): void {
    for (const pipe of this.#places.late(this.#modules.clock.nowMs())) {
      this.#drop(pipe, `no login within ${this.#limits.loginMs} ms`);
    }
    if (this.#hidden.size > 0 && !this.#asking) void this.#ask();
  }

  async #ask(): Promise<void> {
    this.#asking = true;
    const asked = [...this.#hidden];
    try {
      const threads = await this.#modules.threadsBeforeLogin();
      for (const pipe of asked) {
        const place = this.#addresses.get(pipe);
        if (!place) continue;
        if (pipe.threadId === null || !threads.has(pipe.threadId)) this.remove(pipe);
        else this.#places.add(pipe, place.address, place.sinceMs);
      }
    } catch {
      // Asked again in a second; a server that is down has ended its connections anyway.
    } finally {
      this.#asking = false;
    }
  }
}
