import { messageOf, SkeinError } from '../../model/error.js';
import { sleep, withDeadline } from '../../std/timing.js';
import { applyRepair } from '../../verify/repair.js';
import { type ComparisonSql, positionOf, prepareSession, Snapshot } from '../../verify/snapshot.js';
import type { SqlSession } from '../../verify/sql-session.js';
import type { VerifyAnswer, VerifyAsk, VerifyQuestion, VerifyReply } from '../../wire/verify-messages.js';

import type { LocalControl } from '../local-server.js';

/**
 * A replica's part in a comparison of rows (roles/primary/verify): it stops the flow of transactions to its server at a position
 * that the primary chooses, opens a snapshot there, and lets the flow continue. Only the server waits during a hold. The spool
 * receives and acknowledges as usual.
 */
export interface VerifyResponderModules {
  control(): Pick<LocalControl, 'session' | 'waitApplied'>;
  readonly gate: Gate;
  readonly sql: ComparisonSql;
}

/** Limits up to which position the local server gets transactions. */
export interface Gate {
  hold(): number | null;
  holdAt(ordinal: number): void;
  letGo(): void;
}

/**
 * Limit of a hold without a position. The primary needs two round trips and a snapshot. Reads that wait for a write wait
 * too.
 */
const UNDECIDED_MAX_MS = 2_000;
/** Limit for the server to reach the position. It executes transactions in this time, so this delays no read. */
const REACH_MAX_MS = 10_000;
const OPEN_MAX_MS = 1_000;
const REPAIR_MAX_MS = 5_000;
const LOOK_MS = 200;
/**
 * A snapshot that is not used for this time is closed: a primary that has ended does not close it, and it keeps old row
 * versions.
 */
const UNUSED_MAX_MS = 60_000;
const TABLES_MAX = 1_000;

type Place = Extract<VerifyQuestion, { kind: 'open' }>['place'];
type Repair = Extract<VerifyQuestion, { kind: 'repair' }>;

export class VerifyResponder {
  readonly #modules: VerifyResponderModules;
  #session: SqlSession | null = null;
  #snapshot: Snapshot | null = null;
  #held: { sinceMs: number; timer: NodeJS.Timeout } | null = null;
  #unused: NodeJS.Timeout | null = null;
  #doing: Promise<unknown> = Promise.resolve();

  constructor(modules: VerifyResponderModules) {
    this.#modules = modules;
  }

  /** Answers one question at a time. Never rejects. */
  answer({ id, what }: VerifyAsk): Promise<VerifyReply> {
    const answered = this.#doing.then(async () => {
      try {
        this.#used();
        return { id, what: await this.#answer(what) };
      } catch (error) {
        if (what.kind === 'hold' || what.kind === 'open' || what.kind === 'repair') this.end();
        return { id, what: { kind: 'failed' as const, reason: messageOf(error).slice(0, 1_000) } };
      }
    });
    this.#doing = answered;
    return answered;
  }

  /** Ends the hold and closes the snapshot. */
  end(): void {
    this.#letGo();
    if (this.#unused) clearTimeout(this.#unused);
    this.#unused = null;
    this.#snapshot = null;
    this.#session?.destroy();
    this.#session = null;
  }

  #answer(what: VerifyQuestion): Promise<VerifyAnswer> {
    switch (what.kind) {
      case 'hold':
        return this.#hold();
      case 'open':
        return this.#open(what.place);
      case 'tables':
        return this.#tables(what.after);
      case 'chunk':
        return this.#chunk(what);
      case 'repair':
        return this.#repair(what);
      case 'close':
        this.end();
        return Promise.resolve({ kind: 'closed' });
    }
  }

  async #hold(): Promise<VerifyAnswer> {
    this.end();
    // Connect before the hold, so that the hold is short.
    this.#session = await this.#modules.control().session();
    await prepareSession(this.#session, this.#modules.sql);
    this.#used();
    const released = this.#modules.gate.hold();
    if (released === null)
      throw new SkeinError('VERIFY_NOT_READY', 'The server does not replicate from this node yet.');
    this.#held = { sinceMs: performance.now(), timer: setTimeout(() => this.#letGo(), UNDECIDED_MAX_MS) };
    return { kind: 'held', released };
  }

  /** Lets the server execute up to `place`. Resolves with the time from which the server waits there. */
  async #reach({
    ordinal,
    gtid,
  }: Place): Promise<{ session: SqlSession; waitedMs: number; reachedAtMs: number }> {
    const held = this.#held;
    const session = this.#session;
    if (held === null || session === null)
      throw new SkeinError('VERIFY_HOLD_ENDED', `The primary named no position for ${UNDECIDED_MAX_MS} ms.`);
    clearTimeout(held.timer);
    const waitedMs = performance.now() - held.sinceMs;
    this.#modules.gate.holdAt(ordinal);
    const giveUpAtMs = performance.now() + REACH_MAX_MS;
    while (!(await this.#modules.control().waitApplied(ordinal, LOOK_MS))) {
      if (this.#held !== held) throw new SkeinError('VERIFY_ENDED', 'The comparison was ended.');
      if (performance.now() > giveUpAtMs)
        throw new SkeinError(
          'VERIFY_LATE',
          `The server did not reach ${gtid} within ${REACH_MAX_MS / 1_000} s.`,
        );
      await sleep(1);
    }
    return { session, waitedMs, reachedAtMs: performance.now() };
  }

  async #open(place: Place): Promise<VerifyAnswer> {
    const { session, waitedMs, reachedAtMs } = await this.#reach(place);
    this.#snapshot = await withDeadline(
      Snapshot.open(session, this.#modules.sql),
      OPEN_MAX_MS,
      'The snapshot',
    );
    await this.#standsAt(session, place);
    this.#letGo();
    return { kind: 'opened', heldMs: waitedMs + performance.now() - reachedAtMs };
  }

  async #standsAt(session: SqlSession, { gtid }: Place): Promise<void> {
    const applied = await positionOf(session, this.#modules.sql.positions.applied);
    if (applied !== gtid)
      throw new SkeinError('VERIFY_PASSED', `The server is at ${applied}, and not at ${gtid}.`);
  }

  async #tables(after: { schema: string; name: string } | null): Promise<VerifyAnswer> {
    const all = await this.#opened().tables();
    const from = all.findIndex(({ schema, name }) => schema === after?.schema && name === after.name) + 1;
    return { kind: 'tables', tables: all.slice(from, from + TABLES_MAX) };
  }

  async #chunk({ table, range }: Extract<VerifyQuestion, { kind: 'chunk' }>): Promise<VerifyAnswer> {
    const found = await this.#opened().chunk(table, range);
    return { kind: 'chunk', chunk: found && { digest: found.shape.digest, sums: found.sums } };
  }

  async #repair({ place, table, range, digest, sums, rows }: Repair): Promise<VerifyAnswer> {
    const { session } = await this.#reach(place);
    await this.#standsAt(session, place);
    try {
      const refused = await withDeadline(
        applyRepair(session, table, range, { digest, sums, rows }),
        REPAIR_MAX_MS,
        'The repair',
      );
      return { kind: 'repaired', refused };
    } finally {
      // An uncommitted repair is rolled back with the session, before the server gets new transactions.
      this.end();
    }
  }

  #opened(): Snapshot {
    if (this.#snapshot === null) throw new SkeinError('VERIFY_ENDED', 'The snapshot was closed.');
    return this.#snapshot;
  }

  #letGo(): void {
    if (this.#held) clearTimeout(this.#held.timer);
    this.#held = null;
    this.#modules.gate.letGo();
  }

  #used(): void {
    if (this.#unused) clearTimeout(this.#unused);
    this.#unused = setTimeout(() => this.end(), UNUSED_MAX_MS);
  }
}
