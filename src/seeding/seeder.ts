import type { SeedStream } from '../link/seed-dialer.js';
import { messageOf, SkeinError } from '../model/error.js';
import type { Position } from '../model/position.js';
import type { SeedNeed, SeedProgress } from '../model/seed.js';
import { durationText } from '../std/duration-text.js';
import { Emitter } from '../std/emitter.js';
import { backoffMs, sleep } from '../std/timing.js';
import { donorsInOrder } from './choose-donor.js';
import { TransferRate } from './progress.js';
import { noted, repeated } from './repeats.js';
import type { SeedRecord } from './seed-record.js';
import { NOT_SEEDING, type SeedEvent, type SeedState, seedStep } from './seed-state.js';
import type { ArrivingSnapshot, SeederModules } from './seeder-parts.js';

export interface SeederOptions {
  readonly node: string;
  readonly flavour: 'mariadb' | 'mysql';
}

/** How the data directory was found at the start of the node: see snapshot/place.ts. */
export interface PlacingFound {
  readonly step: 'none' | 'ready' | 'placed';
  readonly gtid?: string | undefined;
}

const LOOK_MS = 100;
const BACKOFF_FIRST_MS = 1_000;
/** A donor that comes back is found soon; a cluster without one is not asked all the time. */
const BACKOFF_MAX_MS = 30_000;
/** No server runs on new data either: the trouble is elsewhere, and a person may be mending it. */
const USELESS_MS = 300_000;
/** Of the event that tells how far the transfer is. */
const TELL_MS = 30_000;

/**
 * Fills the server of a replica from another node, for as long as there is a need. The spool of the node goes on receiving
 * and acknowledging all the while (rules C6, E12); what the phases are, seed-state.ts says.
 */
export class Seeder {
  readonly #options: SeederOptions;
  readonly #modules: SeederModules;
  readonly onChange = new Emitter<void>();
  #state: SeedState = NOT_SEEDING;
  #record: SeedRecord = { need: null, attempt: 0, placing: null, done: [] };
  #rate: TransferRate;
  #bytesTotal: number | null = null;
  #since = '';
  #startedAtMs = 0;
  #toldAtMs = 0;
  #stream: SeedStream | null = null;
  #arriving: ArrivingSnapshot | null = null;
  /** The data in place came with a snapshot of this seed. */
  #isReplaced = false;
  #isCancelling = false;
  /** What was asked for while a seed was being cancelled. */
  #asked: SeedNeed | null = null;
  readonly #stopped = new AbortController();
  /** Of the run under way; aborted by `cancel`. */
  #run: { abort: AbortController; done: Promise<void> } | null = null;

  constructor(options: SeederOptions, modules: SeederModules) {
    this.#options = options;
    this.#modules = modules;
    this.#rate = new TransferRate(modules.nowMs());
  }

  /** Goes on with what was under way when the node ended. Before the server is started. */
  async resume(found: PlacingFound): Promise<void> {
    const { record, positionOf } = this.#modules;
    this.#record = await record.load();
    const { need, attempt, placing } = this.#record;
    if (need === null) {
      // A seed that was cancelled just before the end of the node. What is in place without a need is a backup's.
      if (found.step === 'ready') await this.#modules.snapshots.discard();
      return;
    }
    const position = found.gtid ?? placing;
    this.#isReplaced = found.step === 'placed' || (found.step === 'none' && placing !== null);
    this.#state = {
      ...NOT_SEEDING,
      need,
      attempt: Math.max(1, attempt),
      phase: resumedPhase(found, placing),
      isTouched: this.#isReplaced,
      position: position === null ? null : positionOf(position),
    };
    this.#begin('It goes on after a restart of the node');
  }

  /**
   * Asks for a seed; asking again changes nothing. Says why there is none: the same trouble was seeded away a short while
   * ago. Null = it is under way.
   */
  need(need: SeedNeed): string | null {
    if (this.#stopped.signal.aborted) return null;
    if (this.#isCancelling) {
      if (this.#asked === null || need.closes) this.#asked = need;
      return null;
    }
    if (this.#state.phase !== 'idle') {
      this.#step({ kind: 'need', need });
      return null;
    }
    const why = need.cause === 'operator' ? null : repeated(this.#record.done, need.trouble, Date.now());
    if (why !== null) return why;
    this.#step({ kind: 'need', need });
    this.#begin(need.reason);
    return null;
  }

  /** Gives the seed up. @throws SkeinError NOT_SEEDING, SEED_NOT_CANCELLABLE */
  async cancel(reason: string): Promise<void> {
    const { need, isTouched, phase } = this.#state;
    if (need === null) throw new SkeinError('NOT_SEEDING', `${this.#options.node} is not being filled.`);
    if (isTouched)
      throw new SkeinError(
        'SEED_NOT_CANCELLABLE',
        `The data of ${this.#options.node} is being replaced already (${phase}); this ends by itself.`,
      );
    this.#isCancelling = true;
    try {
      const run = this.#run;
      this.#step({ kind: 'cancel' });
      run?.abort.abort(new SkeinError('SEED_CANCELLED', reason));
      await run?.done;
      const done = noted(this.#record.done, need.trouble, Date.now());
      await this.#save({ need: null, attempt: 0, placing: null, done });
      await this.#discard();
    } finally {
      this.#isCancelling = false;
    }
    this.#tell('seed.failed', `The seed was cancelled: ${reason}`, { code: 'SEED_CANCELLED' });
    const asked = this.#asked;
    this.#asked = null;
    if (asked !== null) this.need(asked);
  }

  async stop(): Promise<void> {
    this.#stopped.abort(new SkeinError('SEED_STOPPED', 'The node stops.'));
    this.#run?.abort.abort(this.#stopped.signal.reason);
    await this.#run?.done;
  }

  get isRunning(): boolean {
    return this.#state.phase !== 'idle';
  }

  /** Why no client may be served; null = because of this one may. */
  get closed(): string | null {
    const { need, isTouched, phase } = this.#state;
    if (need === null || !(isTouched || need.closes)) return null;
    return `This replica is being filled from another node (${phase}): ${need.reason}`;
  }

  /** Groups from this ordinal on must stay in the spool: the new data will need them. */
  get keepsFrom(): number {
    if (!this.isRunning) return Number.POSITIVE_INFINITY;
    return this.#state.position === null ? 0 : this.#state.position.ordinal + 1;
  }

  get progress(): SeedProgress | null {
    const { need, phase, donor, attempt, failure } = this.#state;
    if (need === null) return null;
    const nowMs = this.#modules.nowMs();
    return {
      phase,
      cause: need.cause,
      donor,
      attempt,
      bytes: this.#rate.bytes,
      bytesTotal: this.#bytesTotal,
      bytesPerSecond: phase === 'transferring' ? this.#rate.perSecond(nowMs) : 0,
      remainingMs: phase === 'transferring' ? this.#rate.remainingMs(this.#bytesTotal, nowMs) : null,
      since: this.#since,
      reason: failure === null ? need.reason : `${need.reason} The last attempt failed: ${failure}`,
    };
  }

  // --- the run -------------------------------------------------------------------------------------------------

  #begin(reason: string): void {
    this.#startedAtMs = this.#modules.nowMs();
    this.#since = new Date().toISOString();
    this.#tell('seed.started', `The server of this replica is filled from another node: ${reason}`, {});
    const abort = new AbortController();
    const before = this.#run?.done ?? Promise.resolve();
    const run = {
      abort,
      // The caller, which may be a look at the server, goes on first.
      done: before
        .then(() => this.#runUntilIdle(abort.signal))
        .finally(() => {
          if (this.#run === run) this.#run = null;
        }),
    };
    this.#run = run;
    this.onChange.emit();
  }

  async #runUntilIdle(signal: AbortSignal): Promise<void> {
    while (!signal.aborted && this.#state.phase !== 'idle') {
      let event: SeedEvent;
      try {
        event = await this.#perform(signal);
      } catch (error) {
        // Its donor would wait for this node to take more.
        this.#dropStream();
        if (signal.aborted) break;
        event = { kind: 'failed', reason: messageOf(error) };
        const { phase, attempt } = this.#state;
        this.#tell('seed.failed', `The seed failed while ${phase}: ${messageOf(error)} It is tried again.`, {
          code: error instanceof SkeinError ? error.code : 'SEED_FAILED',
          attempt,
        });
      }
      if (signal.aborted) break;
      this.#step(event);
    }
    this.#dropStream();
  }

  #dropStream(): void {
    this.#stream?.stop();
    this.#stream = null;
  }

  /** Does what the phase names. */
  async #perform(signal: AbortSignal): Promise<SeedEvent> {
    switch (this.#state.phase) {
      case 'choosing':
        await this.#save({ ...this.#record, need: this.#state.need, attempt: this.#state.attempt });
        return { kind: 'donor', donor: await this.#choose(signal) };
      case 'transferring':
        return { kind: 'received', position: await this.#transfer(signal) };
      case 'preparing':
        await this.#arriving?.finish({ gtid: this.#position.gtid, bytes: this.#rate.bytes }, signal);
        this.#arriving = null;
        return { kind: 'prepared' };
      case 'waiting':
        await this.#untilCommitted(signal);
        return { kind: 'released' };
      case 'placing':
        await this.#place(signal);
        return { kind: 'placed' };
      case 'positioning':
        await this.#modules.server.start(signal);
        if (this.#modules.spool().end < this.#position.ordinal)
          await this.#modules.restartSpool(this.#position);
        return { kind: 'positioned' };
      case 'catching-up':
        await this.#untilLevel(signal);
        await this.#finish();
        return { kind: 'level' };
      case 'backing-off': {
        const pauseMs = this.#pauseMs();
        if (this.#state.resume === 'choosing') await this.#giveUp();
        await sleep(pauseMs, signal);
        return { kind: 'due' };
      }
      case 'idle':
        return { kind: 'due' };
    }
  }

  #pauseMs(): number {
    const { attempt, failuresInPlace, resume, isTouched } = this.#state;
    if (isTouched && resume === 'choosing') return USELESS_MS;
    return backoffMs(Math.max(attempt - 2, failuresInPlace - 1), BACKOFF_FIRST_MS, BACKOFF_MAX_MS);
  }

  get #position(): Position {
    const { position } = this.#state;
    if (position === null) throw new SkeinError('SEED_INTERNAL', 'There is no snapshot.');
    return position;
  }

  async #choose(signal: AbortSignal): Promise<string> {
    const { donors, dial, spool, logger } = this.#modules;
    if (this.#record.placing !== null) await this.#save({ ...this.#record, placing: null });
    // A node that was killed may have left something.
    if (await this.#discard()) this.#isReplaced = false;
    const fromOrdinal = Math.max(0, spool().begin - 1);
    const refusals: string[] = [];
    for (const donor of donorsInOrder(donors(), fromOrdinal)) {
      try {
        const request = { node: this.#options.node, flavour: this.#options.flavour, fromOrdinal };
        this.#stream = await dial(donor, request, signal);
        return donor.name;
      } catch (error) {
        signal.throwIfAborted();
        logger.info({ donor: donor.name, reason: messageOf(error) }, 'a node gives no snapshot');
        refusals.push(`${donor.name}: ${messageOf(error)}`);
      }
    }
    throw new SkeinError(
      'NO_DONOR',
      refusals.length === 0 ? 'No other node can give a snapshot now.' : refusals.join('; '),
    );
  }

  /**
   * The snapshot is of no use: what it takes of the disk is free again, and a server that ran goes on with the old data during
   * the pause. What fails here is done again with the next attempt.
   */
  async #giveUp(): Promise<void> {
    const { server, logger } = this.#modules;
    try {
      // First: what is in place is not to be taken for whole data after a crash.
      if (this.#record.placing !== null) await this.#save({ ...this.#record, placing: null });
      if (await this.#discard()) this.#isReplaced = false;
    } catch (error) {
      logger.warn({ reason: messageOf(error) }, 'a snapshot that is of no use was not removed');
      return;
    }
    if (this.#isReplaced || !this.#state.isTouched) return;
    this.#step({ kind: 'returned' });
    server.start(this.#stopped.signal).catch((error: unknown) => {
      logger.warn({ reason: messageOf(error) }, 'the server does not start on its old data');
    });
  }

  async #transfer(signal: AbortSignal): Promise<Position> {
    const { snapshots, spool, nowMs } = this.#modules;
    const stream = this.#stream;
    if (stream === null) throw new SkeinError('SEED_INTERNAL', 'There is no transfer.');
    this.#rate = new TransferRate(nowMs());
    this.#bytesTotal = stream.offer.bytesTotal;
    this.#toldAtMs = nowMs();
    const arriving = await snapshots.begin(stream.offer.bytesTotal, signal);
    this.#arriving = arriving;
    for await (const piece of stream.body) {
      this.#rate.add(piece.length, nowMs());
      this.#tellProgress();
      await arriving.write(piece);
    }
    this.#stream = null;
    const end = stream.end();
    if (end === null) throw new SkeinError('SEED_INCOMPLETE', 'The snapshot ended early.');
    const { position } = end;
    if (position.ordinal + 1 < spool().begin) {
      const text = `The snapshot of ${stream.offer.node} ends at number ${position.ordinal}, and the spool begins at ${spool().begin}.`;
      throw new SkeinError('SEED_TOO_OLD', text);
    }
    return position;
  }

  /** Until the cluster has committed all that the snapshot shows, as heard in this epoch, on the same chain (rules H8, E12). */
  async #untilCommitted(signal: AbortSignal): Promise<void> {
    const { committed, nameOf } = this.#modules;
    const { ordinal, gtid } = this.#position;
    for (;;) {
      const heard = committed();
      if (heard !== null) {
        const name = ordinal === 0 ? '' : nameOf(ordinal);
        if (name !== gtid) {
          const text = `The snapshot ends at ${gtid}, but number ${ordinal} in the cluster's history is ${name || 'nothing'}: it shows a branch that was lost, and is thrown away.`;
          throw new SkeinError('SEED_LOST_BRANCH', text);
        }
        if (heard >= ordinal) return;
      }
      await sleep(LOOK_MS, signal);
    }
  }

  /** From here on no client is served, which `released` has made known already. */
  async #place(signal: AbortSignal): Promise<void> {
    const { server, snapshots, keepExtra } = this.#modules;
    await this.#save({ ...this.#record, placing: this.#position.gtid });
    await server.stop('its data is replaced by a snapshot of another node');
    const { need } = this.#state;
    const kept = await keepExtra(need?.reason ?? '', signal);
    if (kept !== null) this.#tell('seed.progress', kept, { code: 'TRANSACTIONS_KEPT' });
    await snapshots.place();
    this.#isReplaced = true;
  }

  async #untilLevel(signal: AbortSignal): Promise<void> {
    const { committed, applied, spool } = this.#modules;
    let target: number | null = null;
    for (;;) {
      target ??= committed();
      const now = applied();
      if (target !== null && now !== null && now >= target && spool().end >= target) return;
      await sleep(LOOK_MS, signal);
    }
  }

  async #finish(): Promise<void> {
    const { need, donor } = this.#state;
    const done = need === null ? this.#record.done : noted(this.#record.done, need.trouble, Date.now());
    await this.#save({ need: null, attempt: 0, placing: null, done });
    this.#isReplaced = false;
    const durationMs = Math.round(this.#modules.nowMs() - this.#startedAtMs);
    const from = donor === null ? '' : ` from ${donor}`;
    this.#tell('seed.done', `The server was filled${from} in ${durationText(durationMs)}.`, {
      bytes: this.#rate.bytes,
      durationMs,
    });
  }

  async #discard(): Promise<boolean> {
    const arriving = this.#arriving;
    this.#arriving = null;
    await arriving?.discard();
    return await this.#modules.snapshots.discard();
  }

  async #save(record: SeedRecord): Promise<void> {
    this.#record = record;
    await this.#modules.record.save(record);
  }

  #step(event: SeedEvent): void {
    const before = this.#state;
    this.#state = seedStep(before, event);
    if (this.#state === before) return;
    if (this.#state.phase !== before.phase) {
      const { phase, donor, attempt } = this.#state;
      this.#modules.logger.info({ phase, before: before.phase, donor, attempt }, 'seeding');
    }
    this.onChange.emit();
  }

  #tellProgress(): void {
    const nowMs = this.#modules.nowMs();
    if (nowMs - this.#toldAtMs < TELL_MS) return;
    this.#toldAtMs = nowMs;
    const { donor } = this.#state;
    const remainingMs = this.#rate.remainingMs(this.#bytesTotal, nowMs);
    const rest = remainingMs === null ? '' : `, ${durationText(remainingMs)} to go`;
    this.#tell('seed.progress', `The snapshot of ${donor} is arriving${rest}.`, {
      bytes: this.#rate.bytes,
      bytesTotal: this.#bytesTotal,
      bytesPerSecond: this.#rate.perSecond(nowMs),
    });
  }

  #tell(
    event: 'seed.started' | 'seed.progress' | 'seed.done' | 'seed.failed',
    reason: string,
    data: Record<string, unknown>,
  ): void {
    const { need, donor } = this.#state;
    const { events } = this.#modules;
    events.add(event, this.#options.node, reason, { cause: need?.cause ?? null, donor, ...data });
  }
}

function resumedPhase({ step }: PlacingFound, placing: string | null): SeedState['phase'] {
  if (step === 'ready') return 'waiting';
  if (step === 'placed') return 'positioning';
  // The position of the new data is set: the snapshot's own note is gone with that.
  return placing === null ? 'choosing' : 'catching-up';
}
