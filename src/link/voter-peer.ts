import type { Socket } from 'node:net';
import type { ElectionMessage } from '../model/election-messages.js';
import { isSkeinError, SkeinError } from '../model/error.js';
import { isSameLink, type LinkAddress } from '../model/members.js';
import type { Clock, Timer } from '../std/clock.js';
import type { Logger } from '../std/logger.js';
import { backoffMs, sleep } from '../std/timing.js';
import type { TlsSource } from '../std/tls-source.js';
import { connectLink, isRefused } from './connect.js';
import { VoterSession, type VoterSessionOptions } from './voter-session.js';

export interface VoterPeerOptions extends VoterSessionOptions {
  readonly tls: TlsSource | null | undefined;
  readonly redialFirstMs: number;
  readonly redialMaxMs: number;
}

export interface VoterPeerModules {
  readonly clock: Clock;
  readonly logger: Logger;
  /** Asked before each dial; null = it is no member now. */
  address(): LinkAddress | null;
  /** See VoterLinksModules. */
  message(message: ElectionMessage): void;
  closed(isRefused: boolean): void;
}

/** How long a loss waits for what the next dials tell. Beyond it a campaign is not worth waiting: it takes as long itself. */
const LOSS_MS = 100;
/**
 * Between two dials of that time. A process that dies closes its sockets one after the other: its port may still take a
 * connection, which is cut at once, when the first of its links has ended.
 */
const LOSS_REDIAL_MS = 10;
/** A link that lasted this long resets the back-off. */
const GOOD_LINK_MS = 1000;

/** Keeps one connection to one other member. */
export class VoterPeer {
  readonly #options: VoterPeerOptions;
  readonly #modules: VoterPeerModules;
  readonly #abort = new AbortController();
  readonly #done: Promise<void>;
  #session: VoterSession | null = null;
  /** That it dials, or dialled last. */
  #address: LinkAddress | null = null;
  /** An open link has ended, and it is not told yet. */
  #loss: { readonly address: LinkAddress | null; readonly timer: Timer } | null = null;
  /** Links in a row that ended soon after they opened. */
  #shortLinks = 0;
  #lastReported = '';

  constructor(options: VoterPeerOptions, modules: VoterPeerModules) {
    this.#options = options;
    this.#modules = modules;
    this.#done = this.#run(this.#abort.signal);
  }

  get up(): boolean {
    return this.#session?.isOpen ?? false;
  }

  /** Whether its link goes, or went, to this address. */
  isAt(address: LinkAddress): boolean {
    return this.#address === null || isSameLink(this.#address, address);
  }

  /** False: dropped. */
  send(message: ElectionMessage): boolean {
    return this.#session?.send(message) ?? false;
  }

  async stop(reason: string): Promise<void> {
    this.#abort.abort();
    this.#forgetLoss();
    this.#session?.close('LINK_ENDED', reason);
    await this.#done;
  }

  async #run(signal: AbortSignal): Promise<void> {
    const { redialFirstMs, redialMaxMs } = this.#options;
    let attempt = 0;
    while (!signal.aborted) {
      const lastedMs = await this.#dial(signal);
      if (lastedMs !== null) {
        this.#shortLinks = lastedMs < GOOD_LINK_MS ? this.#shortLinks + 1 : 0;
        attempt = this.#shortLinks;
      }
      // At once after a loss, because a dead process is told by it. But a node that ends each link as soon as it is open is
      // not dialled in a tight loop.
      const isUrgent = this.#loss !== null && this.#shortLinks <= 1;
      if (isUrgent && lastedMs !== null) continue;
      const waitMs = isUrgent ? LOSS_REDIAL_MS : backoffMs(attempt++, redialFirstMs, redialMaxMs);
      await sleep(waitMs, signal, this.#modules.clock).catch(() => {});
    }
  }

  /** One connection, from the dial to its end; resolves with the time for which it was open, null = it was not. */
  async #dial(signal: AbortSignal): Promise<number | null> {
    const { clock } = this.#modules;
    const { voter, tls, stepDeadlineMs } = this.#options;
    const address = this.#modules.address();
    this.#address = address;
    let openedAtMs: number | null = null;
    let error: SkeinError;
    if (address === null) {
      error = new SkeinError('NOT_A_MEMBER', `${voter.to} is no member now.`);
    } else {
      const options = { peer: voter.to, tls, deadlineMs: stepDeadlineMs };
      const opened = () => {
        openedAtMs = clock.nowMs();
        this.#opened();
      };
      error = await connectLink(address, options, signal, clock).then(
        (socket) => this.#live(socket, opened),
        (reason) => (isSkeinError(reason) ? reason : new SkeinError('LINK_ENDED', 'The dial was given up.')),
      );
    }
    this.#session = null;
    if (signal.aborted) return null;
    this.#say('down', error.message, error.code);
    if (openedAtMs !== null) this.#lost(error, address);
    else if (isRefused(error) && this.#isSame(address)) this.#tellLoss(true);
    return openedAtMs === null ? null : clock.nowMs() - openedAtMs;
  }

  #live(socket: Socket, opened: () => void): Promise<SkeinError> {
    return new Promise((resolve) => {
      const { clock, message } = this.#modules;
      this.#session = new VoterSession(socket, this.#options, { clock, opened, message, closed: resolve });
    });
  }

  #opened(): void {
    const { to } = this.#options.voter;
    this.#say('up', `${to} takes messages about elections`, 'UP');
    this.#tellLoss(false);
  }

  #lost({ code }: SkeinError, address: LinkAddress | null): void {
    const { clock, closed } = this.#modules;
    // This end closed it. A network that refuses connections now says nothing about a process that was silent before.
    if (code === 'LINK_SILENT') {
      closed(false);
      return;
    }
    this.#loss = { address, timer: clock.setTimer(LOSS_MS, () => this.#tellLoss(false)) };
  }

  #isSame(address: LinkAddress | null): boolean {
    const lost = this.#loss?.address ?? null;
    return lost !== null && address !== null && isSameLink(lost, address);
  }

  #tellLoss(isDead: boolean): void {
    if (this.#loss === null) return;
    this.#forgetLoss();
    this.#modules.closed(isDead);
  }

  #forgetLoss(): void {
    this.#modules.clock.clearTimer(this.#loss?.timer ?? null);
    this.#loss = null;
  }

  /** Each change once, however many dials fail with the same reason. */
  #say(state: 'up' | 'down', reason: string, code: string): void {
    const key = `${state} ${code}`;
    if (key === this.#lastReported) return;
    this.#lastReported = key;
    const data = { peer: this.#options.voter.to, ...this.#address, code, reason };
    if (state === 'up') this.#modules.logger.info(data, 'election link up');
    else this.#modules.logger.warn(data, 'election link down');
  }
}
