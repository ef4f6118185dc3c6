import type { EventLog } from '../events/event-log.js';
import type { SeedSession } from '../link/seed-sender.js';
import { isSkeinError, messageOf, SkeinError } from '../model/error.js';
import type { Position } from '../model/position.js';
import type { Role } from '../model/status.js';
import { durationText } from '../std/duration-text.js';
import type { Logger } from '../std/logger.js';

export interface SeedDonorOptions {
  readonly node: string;
  readonly flavour: 'mariadb' | 'mysql';
  /** Snapshots at a time. */
  readonly transfersMax: number;
}

/** A snapshot of the local server that is being made. */
export interface Taking {
  /** A piece is valid until the next one is asked for. When its reader stops, so does the snapshot. */
  readonly output: AsyncIterable<Buffer>;
  readonly done: Promise<{ readonly gtid: string }>;
  /** As estimated; null = not known. */
  readonly bytesTotal: number | null;
}

export interface DonorState {
  readonly role: Role;
  /** Why this node must not be copied now, in plain words; null = it may be. */
  readonly illness: string | null;
  readonly applied: number;
  /** Names of the members of the cluster, as this node knows them. */
  readonly members: readonly string[];
  readonly serverVersion: string;
}

export interface SeedDonorModules {
  readonly logger: Logger;
  readonly events: EventLog;
  state(): DonorState;
  take(signal: AbortSignal): Promise<Taking>;
  positionOf(gtid: string): Position;
  readonly nowMs: () => number;
}

/** Gives snapshots of this node's server to nodes that ask on the link. A receiver that is slow slows the copying down. */
export class SeedDonor {
  readonly #options: SeedDonorOptions;
  readonly #modules: SeedDonorModules;
  readonly #transfers = new Set<SeedSession>();
  /** Bytes of snapshots that were sent since the process began. */
  bytesSent = 0;

  constructor(options: SeedDonorOptions, modules: SeedDonorModules) {
    this.#options = options;
    this.#modules = modules;
  }

  get transfers(): number {
    return this.#transfers.size;
  }

  /** Serves one request to its end. Never throws. */
  async serve(session: SeedSession): Promise<void> {
    const refusal = this.#refusal(session);
    if (refusal !== null) {
      session.refuse(refusal.code, refusal.message);
      return;
    }
    const { events, logger, nowMs } = this.#modules;
    const { node } = session.request;
    const startedAtMs = nowMs();
    this.#transfers.add(session);
    const gone = new AbortController();
    session.onClosed.on((error) => gone.abort(error ?? new SkeinError('SEED_SENT', 'It has everything.')));
    try {
      const bytes = await this.#send(session, gone.signal);
      const durationMs = Math.round(nowMs() - startedAtMs);
      logger.info({ node, bytes, durationMs }, 'snapshot sent');
      events.add('seed.done', node, `It got a snapshot of this node in ${durationText(durationMs)}.`, {
        bytes,
        durationMs,
      });
    } catch (error) {
      const code = isSkeinError(error) ? error.code : 'SNAPSHOT_FAILED';
      session.refuse(code, messageOf(error));
      events.add('seed.failed', node, `Its snapshot of this node was not completed: ${messageOf(error)}`, {
        code,
      });
    } finally {
      this.#transfers.delete(session);
    }
  }

  #refusal({ request }: SeedSession): { code: string; message: string } | null {
    const { node, flavour, transfersMax } = this.#options;
    const { illness, applied, members } = this.#modules.state();
    if (request.node === node)
      return { code: 'SEED_OWN_NODE', message: `${node} cannot be filled from itself.` };
    if (!members.includes(request.node)) {
      const message = `${request.node} is not in the list of members that ${node} has.`;
      return { code: 'NOT_A_MEMBER', message };
    }
    if (request.flavour !== flavour) {
      const message = `The server of ${node} is ${flavour}, that of ${request.node} ${request.flavour}.`;
      return { code: 'SEED_FLAVOUR', message };
    }
    if (illness !== null)
      return { code: 'SEED_UNHEALTHY', message: `${node} cannot be copied now: ${illness}` };
    if (applied < request.fromOrdinal) {
      const message = `${node} has applied up to number ${applied}; a snapshot from ${request.fromOrdinal} on is needed.`;
      return { code: 'SEED_TOO_OLD', message };
    }
    if (this.#transfers.size >= transfersMax)
      return {
        code: 'SEED_BUSY',
        message: `${node} is sending ${this.#transfers.size} snapshots already ("seedsMax").`,
      };
    return null;
  }

  async #send(session: SeedSession, signal: AbortSignal): Promise<number> {
    const { take, state, positionOf } = this.#modules;
    const taking = await take(signal);
    // What fails is told by `output` too, which is waited for first.
    taking.done.catch(() => {});
    const { role, serverVersion } = state();
    session.offer({ node: this.#options.node, role, serverVersion, bytesTotal: taking.bytesTotal });
    const bytes = await this.#pump(taking.output, session, signal);
    const { gtid } = await taking.done;
    // A receiver that has hung up is not heard of again.
    signal.throwIfAborted();
    const received = new Promise<void>((resolve, reject) => {
      session.onClosed.on((error) => (error === null ? resolve() : reject(error)));
    });
    session.end({ position: { ...positionOf(gtid) }, bytes });
    await received;
    return bytes;
  }

  /** As fast as the receiver takes it: nothing is buffered beside what the socket has. */
  async #pump(output: AsyncIterable<Buffer>, session: SeedSession, signal: AbortSignal): Promise<number> {
    let bytes = 0;
    for await (const piece of output) {
      await session.send(piece);
      signal.throwIfAborted();
      bytes += piece.length;
      this.bytesSent += piece.length;
    }
    return bytes;
  }
}
