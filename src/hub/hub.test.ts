import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { VirtualClock } from '../../test/kit/virtual-clock.js';
import type { SkeinError } from '../model/error.js';
import type { Position } from '../model/position.js';
import type { RecordBatch } from '../model/records.js';
import { Emitter } from '../std/emitter.js';
import { RECORD_KIND, readRecordHeader } from '../wire/record.js';
import type { CatchUp, FeedSession } from './feed.js';
import { Hub } from './hub.js';

const BATCH_BYTES = 100;
/** Longer than every batching time, and longer than the pause after which commits count as idle. */
const GATHERED_MS = 30;
const FORMAT = Buffer.from('format');

/** One batch of complete groups. */
function batch(first: number, last: number): RecordBatch {
  return {
    bytes: Buffer.alloc(BATCH_BYTES),
    firstOrdinal: first,
    lastOrdinal: last,
    completeOrdinal: last,
    completeGtid: Buffer.from(String(last)),
    startsGroup: true,
    format: FORMAT,
  };
}

const at = (ordinal: number): Position => ({ epoch: 1, ordinal, gtid: ordinal === 0 ? '' : String(ordinal) });

/** A replica: takes `room` batches, then its socket is full until it drains. */
class Replica implements FeedSession {
  readonly onDrain = new Emitter<void>();
  readonly batches: RecordBatch[] = [];
  readonly formats: string[] = [];
  committed = 0;
  room = Number.POSITIVE_INFINITY;
  readonly #sent: Map<Buffer, RecordBatch>;

  constructor(sent: Map<Buffer, RecordBatch>) {
    this.#sent = sent;
  }
  get blocked(): boolean {
    return this.room <= 0;
  }
  sendRecords(bytes: Buffer, committed: number): boolean {
    expect(this.blocked).toBe(false);
    this.committed = committed;
    const sent = this.#sent.get(bytes);
    if (sent) {
      this.room--;
      // Every record is in a format that was sent to the replica before.
      expect(this.formats.at(-1)).toBe(String(sent.format));
      this.batches.push(sent);
    } else {
      const header = readRecordHeader(bytes, 0);
      expect(header.kind).toBe(RECORD_KIND.format);
      this.formats.push(bytes.toString('utf8', header.payloadOffset));
    }
    return !this.blocked;
  }
  sendCommitted(ordinal: number): void {
    this.committed = ordinal;
  }
  drain(room: number): void {
    this.room = room;
    this.onDrain.emit();
  }
  /** The replica's log after it appended new groups and skipped groups that it already had. A gap fails the test. */
  get end(): number {
    let end = 0;
    for (const { firstOrdinal, lastOrdinal } of this.batches) {
      expect(firstOrdinal).toBeLessThanOrEqual(end + 1);
      end = Math.max(end, lastOrdinal);
    }
    return end;
  }
}

/** A primary's log of `length` groups, dumped in batches of five when a replica catches up. */
class Log {
  readonly sent = new Map<Buffer, RecordBatch>();
  length = 0;
  dumps = 0;
  committed = 0;

  batch(first: number, last: number): RecordBatch {
    const made = batch(first, last);
    this.sent.set(made.bytes, made);
    return made;
  }

  catchUp(after: Position, take: (batch: RecordBatch) => boolean): CatchUp {
    this.dumps++;
    let next = after.ordinal + 1;
    let stopped = false;
    const go = () => {
      while (!stopped && next <= this.length) {
        const last = Math.min(next + 4, this.length);
        const goOn = take(this.batch(next, last));
        next = last + 1;
        if (!goOn) return;
      }
    };
    return {
      onEnded: new Emitter<SkeinError>(),
      start: async () => go(),
      resume: go,
      stop: () => {
        stopped = true;
      },
    };
  }
}

function setup(windowBytesMax: number, needed: number | (() => number) = 1) {
  const log = new Log();
  const clock = new VirtualClock();
  const hub = new Hub(
    { windowBytesMax },
    {
      committed: () => log.committed,
      needed: typeof needed === 'number' ? () => needed : needed,
      gtidText: (binary) => Buffer.from(binary).toString(),
      catchUp: (after, take) => log.catchUp(after, take),
      clock,
    },
  );
  const append = (count: number) => {
    const made = log.batch(log.length + 1, log.length + count);
    log.length += count;
    return hub.append(made);
  };
  const attach = (ordinal: number) => {
    const replica = new Replica(log.sent);
    const feed = hub.attach(replica, at(ordinal), (error) => {
      throw error;
    });
    return { replica, feed };
  };
  return { log, hub, append, attach, clock };
}

/** A commit-critical replica, another one, and three transactions in a row, none of them committed. */
function threeUnderWay() {
  const made = setup(10_000);
  made.hub.begin(0);
  const quick = made.attach(0);
  const other = made.attach(0);
  made.hub.madeMajority(quick.feed);
  for (let i = 0; i < 3; i++) made.append(1);
  return { ...made, quick, other };
}

describe('the hub', () => {
  it('sends the same bytes to all replicas that keep up, without a separate dump', () => {
    const { log, hub, append, attach } = setup(1_000);
    hub.begin(0);
    const a = attach(0);
    const b = attach(0);
    for (let i = 0; i < 50; i++) expect(append(3)).toBe(true);
    expect(a.replica.end).toBe(150);
    expect(b.replica.batches.map(({ bytes }) => bytes)).toEqual(a.replica.batches.map(({ bytes }) => bytes));
    expect(log.dumps).toBe(0);
    expect(hub.windowBytes).toBeLessThanOrEqual(1_000);
  });

  it('is not slowed by a stalled replica, which later catches up from the log', async () => {
    const { log, hub, append, attach } = setup(1_000);
    hub.begin(0);
    const quick = attach(0);
    const slow = attach(0);
    slow.replica.room = 2;
    for (let i = 0; i < 100; i++) expect(append(1)).toBe(true);
    expect(quick.replica.end).toBe(100);
    expect(slow.replica.end).toBe(2);
    expect(hub.windowBytes).toBeLessThanOrEqual(1_000);
    slow.replica.drain(Number.POSITIVE_INFINITY);
    await Promise.resolve();
    expect(log.dumps).toBe(1);
    expect(slow.replica.end).toBe(100);
    expect(slow.feed.catchingUp).toBe(false);
    append(1);
    expect(slow.replica.end).toBe(101);
    expect(log.dumps).toBe(1);
  });

  it('sends the last commit position even to a replica that got its records before they were due', () => {
    const { log, hub, append, attach, clock } = setup(1_000, 0);
    hub.begin(0);
    const { replica } = attach(0);
    append(1);
    // The next record waits in a batch, but a drain sends it early. Its commit comes before the batching time is over.
    append(1);
    replica.drain(10);
    expect(replica.end).toBe(2);
    log.committed = 2;
    hub.committedMoved();
    clock.pass(GATHERED_MS);
    expect(replica.committed).toBe(2);
  });

  it('pauses the source when even the fastest replica is slow, and resumes it afterwards', () => {
    const { hub, append, attach } = setup(1_000);
    hub.begin(0);
    const { replica } = attach(0);
    replica.room = 0;
    let accepted = 0;
    while (append(1)) accepted++;
    expect(accepted).toBe(10);
    let room = 0;
    hub.onCapacity.on(() => room++);
    replica.drain(5);
    expect(room).toBe(1);
    expect(replica.end).toBe(5);
  });

  it('lets the source wait for no replica when commits need none; one that comes later reads the log', async () => {
    const { log, hub, append, attach } = setup(1_000, 0);
    hub.begin(0);
    for (let i = 0; i < 30; i++) expect(append(1)).toBe(true);
    expect(hub.windowBytes).toBeLessThanOrEqual(1_000);
    const { replica } = attach(0);
    await Promise.resolve();
    expect(log.dumps).toBe(1);
    expect(replica.end).toBe(30);
  });

  it('lets the source go on once commits need no replica any more', () => {
    let needed = 1;
    const { hub, append } = setup(1_000, () => needed);
    hub.begin(0);
    while (append(1));
    let room = 0;
    hub.onCapacity.on(() => room++);
    hub.neededChanged();
    expect(room).toBe(0);
    needed = 0;
    hub.neededChanged();
    expect(room).toBe(1);
    expect(append(1)).toBe(true);
  });

  it('continues with a restarted source: no group is missed, and groups already sent are skipped', () => {
    const { log, hub, append, attach } = setup(10_000);
    hub.begin(0);
    const { replica } = attach(0);
    append(10);
    log.length = 7;
    hub.begin(7);
    append(5);
    expect(replica.end).toBe(12);
    expect(log.dumps).toBe(0);
  });

  it('sends the format to every reader, even one that starts in the middle, and again when it changes', () => {
    const { log, hub, append, attach } = setup(10_000);
    hub.begin(0);
    const early = attach(0);
    append(3);
    append(3);
    const late = attach(6);
    append(3);
    const changed = { ...log.batch(10, 12), format: Buffer.from('newer') };
    log.sent.set(changed.bytes, changed);
    log.length = 12;
    hub.append(changed);
    append(1);
    for (const { replica } of [early, late]) expect(replica.formats).toEqual(['format', 'newer', 'format']);
    expect(late.replica.batches.map(({ firstOrdinal }) => firstOrdinal)).toEqual([7, 10, 13]);
  });

  it('sends the commit position at once when idle, and with the records while commits flow', () => {
    const { log, hub, append, attach, clock } = setup(10_000);
    hub.begin(0);
    const { replica } = attach(0);
    append(2);
    log.committed = 1;
    hub.committedMoved();
    expect(replica.committed).toBe(1);
    log.committed = 2;
    hub.committedMoved();
    expect(replica.committed).toBe(1);
    append(1);
    expect(replica.committed).toBe(2);
    log.committed = 3;
    hub.committedMoved();
    expect(replica.committed).toBe(2);
    clock.pass(GATHERED_MS);
    expect(replica.committed).toBe(3);
  });

  it('sends records to the commit-critical replica at once, and to the others in batches', () => {
    const { hub, append, attach, clock } = setup(10_000);
    hub.begin(0);
    const quick = attach(0);
    const other = attach(0);
    append(1);
    expect(other.replica.end).toBe(1);
    hub.madeMajority(quick.feed);
    append(1);
    append(1);
    expect(quick.replica.end).toBe(3);
    expect(other.replica.end).toBe(1);
    clock.pass(GATHERED_MS);
    expect(other.replica.end).toBe(3);
    // Commits are idle now.
    clock.pass(GATHERED_MS);
    append(1);
    expect(other.replica.end).toBe(4);
    // The fast replica is gone, so the next commit needs the other one.
    append(1);
    hub.detach(quick.feed);
    append(1);
    expect(other.replica.end).toBe(6);
  });

  it('sends committed records to the others while commits flow, and all records when the commit position stands still', () => {
    const { log, other, clock } = threeUnderWay();
    log.committed = 2;
    // Nothing more is written or committed, so this record may be the one that a commit waits for.
    clock.pass(GATHERED_MS);
    expect(other.replica.batches.map(({ lastOrdinal }) => lastOrdinal).slice(-2)).toEqual([2, 3]);
    expect(other.replica.committed).toBe(2);
  });

  it('sends the missing records to a replica that becomes commit-critical', () => {
    const { hub, other } = threeUnderWay();
    const before = other.replica.end;
    for (let i = 0; i < 4; i++) hub.madeMajority(other.feed);
    expect(before).toBeLessThan(3);
    expect(other.replica.end).toBe(3);
  });

  it('never leaves a gap, for any order of writing, blocking, draining, attaching and detaching', async () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant('append' as const), count: fc.integer({ min: 1, max: 4 }) }),
      fc.record({
        kind: fc.constant('drain' as const),
        who: fc.nat(2),
        room: fc.integer({ min: 0, max: 9 }),
      }),
      fc.record({ kind: fc.constant('again' as const), who: fc.nat(2) }),
      fc.record({ kind: fc.constant('madeMajority' as const), who: fc.nat(2) }),
      fc.constant({ kind: 'begin' as const }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 120 }), async (steps) => {
        const { log, hub, append, attach } = setup(700);
        hub.begin(0);
        const replicas = [attach(0), attach(0), attach(0)];
        let waits = false;
        hub.onCapacity.on(() => {
          waits = false;
        });
        for (const next of steps) {
          if (next.kind === 'append' && !waits) waits = !append(next.count);
          else if (next.kind === 'drain') replicas[next.who]?.replica.drain(next.room);
          else if (next.kind === 'again') {
            const { replica, feed } = replicas[next.who] as (typeof replicas)[number];
            hub.detach(feed);
            const fresh = attach(replica.end);
            // The replica kept its log, and the new session continues after it.
            fresh.replica.batches.unshift(...replica.batches);
            replicas[next.who] = fresh;
          } else if (next.kind === 'madeMajority') {
            hub.madeMajority((replicas[next.who] as (typeof replicas)[number]).feed);
          } else if (next.kind === 'begin') {
            hub.begin(log.length);
            waits = false;
          }
          await Promise.resolve();
          // At most one batch over the limit, because the limit is checked after a batch was taken.
          expect(hub.windowBytes).toBeLessThanOrEqual(700 + BATCH_BYTES);
        }
        for (const { replica } of replicas) replica.drain(Number.POSITIVE_INFINITY);
        await Promise.resolve();
        await Promise.resolve();
        for (const { replica } of replicas) expect(replica.end).toBe(log.length);
      }),
      { numRuns: 500 },
    );
  });
});
