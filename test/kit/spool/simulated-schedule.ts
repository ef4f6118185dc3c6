import { isSkeinError } from '../../../src/model/error.js';
import type { SpoolReader } from '../../../src/spool/reader.js';
import { Spool } from '../../../src/spool/spool.js';
import type { Storage } from '../../../src/spool/storage.js';
import { silentLogger } from '../../../src/std/logger.js';
import { RECORD_KIND, readU53, walkRecords } from '../../../src/wire/record.js';
import { VirtualClock } from '../virtual-clock.js';
import { makeFormat, makeGroup, mariadbGtid, mariadbGtidText, serverOfEpoch } from './record-maker.js';
import { SimulatedStorage, seededRandom } from './simulated-storage.js';

/**
 * One random life of a spool on a simulated disk, and beside it a plain model of what must be there. After each step the
 * invariants are checked; a broken one throws a Violation. The same seed gives the same life.
 *
 *  S1 what was reported durable, and neither cut nor purged, is there after any crash, byte for byte
 *  S2 what was cut, once the cut has resolved, never comes back
 *  S3 a power cut, however it tears, never makes damage
 *  S4 groups are contiguous, and readers see each exactly once, in order
 *  S5 `durable` never runs ahead of what the disk has
 *  S6 committed <= end; the incarnation never changes; nothing is purged that was not allowed to be
 */
export class Violation extends Error {}

interface Group {
  readonly ordinal: number;
  readonly epoch: number;
  readonly previousEpoch: number;
  readonly payload: Buffer;
}

export interface ScheduleOptions {
  readonly seed: number;
  readonly steps: number;
  /** Stands between the spool and the disk: for tests that show that a liar is found out. */
  readonly wrap?: (storage: Storage) => Storage;
}

const DIRECTORY = '/spool';

export async function runSchedule(options: ScheduleOptions): Promise<Record<string, number>> {
  const life = new Life(options);
  await life.run();
  return life.counts;
}

class Life {
  readonly counts: Record<string, number> = {};
  readonly #random: () => number;
  readonly #options: ScheduleOptions;
  #disk: SimulatedStorage;
  #spool!: Spool;
  #clock = new VirtualClock();
  #groups: Group[] = [];
  /** Ordinal of the first group in `#groups`, minus one. */
  #epoch = 1;
  #formatNumber = 0;
  /** Highest ordinal that was reported durable, lowered by cuts. */
  #reported = 0;
  #committed = 0;
  #purgeAsked = 1;
  #incarnation = '';
  #cutting: { after: number } | null = null;
  #background: Promise<void>[] = [];
  #failed = false;
  #openFragments: { group: Group; next: number; records: Buffer[] } | null = null;
  #follower: { reader: SpoolReader; next: number; midGroup: boolean } | null = null;

  constructor(options: ScheduleOptions) {
    this.#options = options;
    this.#random = seededRandom(options.seed);
    this.#disk = new SimulatedStorage({ random: this.#random });
  }

  async run(): Promise<void> {
    await this.#open();
    const steps: Step[] = [
      [30, 'append', () => this.#append()],
      [3, 'format', () => this.#format()],
      [12, 'turns', () => this.#turns(Math.floor(this.#random() * 12))],
      [6, 'settle', () => settle()],
      [5, 'time', () => this.#timePasses()],
      [5, 'committed', () => this.#learnCommitted()],
      [4, 'purge', () => this.#purge()],
      [4, 'cut', () => this.#cut()],
      [4, 'readAll', () => this.#readSome()],
      [5, 'follow', () => this.#follow()],
      [7, 'powerCut', () => this.#crash('power')],
      [3, 'kill', () => this.#crash('process')],
      [2, 'reopen', () => this.#reopen()],
      [1, 'failSync', () => this.#failSync()],
    ];
    const total = steps.reduce((sum, [weight]) => sum + weight, 0);
    for (let step = 0; step < this.#options.steps; step++) {
      const [name, act] = choose(steps, this.#random() * total);
      this.counts[name] = (this.counts[name] ?? 0) + 1;
      await act();
      this.#checkAlways();
    }
    await this.#crash('power');
    await this.#reopen();
  }

  get #end(): number {
    return this.#groups.length;
  }

  async #open(): Promise<void> {
    const storage = this.#options.wrap?.(this.#disk) ?? this.#disk;
    this.#clock = new VirtualClock();
    this.#failed = false;
    this.#openFragments = null;
    this.#follower = null;
    this.#background = [];
    this.#spool = await Spool.open(
      {
        directory: DIRECTORY,
        segmentBytesMax: 3000 + Math.floor(this.#random() * 20_000),
        tailBytesMax: Math.floor(this.#random() * 8000),
        preallocateBytes: this.#random() < 0.2 ? 0 : Math.floor(this.#random() * 20_000),
        pendingBytesMax: 20_000,
        idleMarkMs: 0,
      },
      { storage, logger: silentLogger, gtidText: mariadbGtidText, clock: this.#clock },
    );
    const spool = this.#spool;
    spool.onFailed.on(() => {
      this.#failed = true;
    });
    spool.onDurable.on((position) => {
      this.#reported = position.ordinal;
      if (!this.#options.wrap) this.#checkOnDisk(position.ordinal);
    });
  }

  /** S5: at the moment of the report, the newest segment with groups up to there has nothing unsynced below. */
  #checkOnDisk(ordinal: number): void {
    const path = this.#disk
      .paths()
      .findLast((name) => name.endsWith('.seg') && Number(name.slice(-20, -4)) <= ordinal);
    ensure(path && this.#disk.isSynced(path), `ordinal ${ordinal} was reported before its sync`);
  }

  #checkAlways(): void {
    const spool = this.#spool;
    if (this.#failed) return;
    ensure(spool.damage === null, `S3 damage: ${JSON.stringify(spool.damage)}`);
    ensure(spool.durable.ordinal <= spool.end.ordinal, 'S4 durable is beyond the end');
    ensure(spool.committed() <= spool.end.ordinal, 'S6 committed is beyond the end');
    ensure(spool.begin <= spool.end.ordinal + 1, 'S4 begin is beyond the end');
    if (!this.#cutting)
      ensure(spool.end.ordinal === this.#end, `end is ${spool.end.ordinal}, not ${this.#end}`);
  }

  // --- steps

  #newGroup(): Group {
    const ordinal = this.#end + 1;
    const previousEpoch = this.#groups.at(-1)?.epoch ?? this.#epoch;
    const large = this.#random() < 0.1;
    const size = Math.floor(this.#random() ** 3 * (large ? 30_000 : 3000));
    const payload = Buffer.alloc(size);
    // Runs of zeros too, as in real events, and never twice the same content for one ordinal.
    for (let at = 0; at < size; at++)
      payload[at] = this.#random() < 0.3 ? 0 : Math.floor(this.#random() * 256);
    return { ordinal, epoch: this.#epoch, previousEpoch, payload };
  }

  #records(group: Group): Buffer[] {
    const fragments =
      group.payload.length > 3 && this.#random() < 0.4 ? 2 + Math.floor(this.#random() * 4) : 1;
    return makeGroup({ ...group, fragments: Math.min(fragments, Math.max(1, group.payload.length)) });
  }

  #append(): void {
    if (this.#failed || this.#cutting) return;
    if (this.#random() < 0.05) this.#epoch += 1;
    const parts: Buffer[] = [];
    if (this.#random() < 0.15) parts.push(...this.#repeated());
    const count = Math.floor(this.#random() ** 2 * 6);
    this.#continueOpen(parts);
    for (let index = 0; index < count && !this.#openFragments; index++) {
      const group = this.#newGroup();
      const records = this.#records(group);
      if (records.length > 1 && this.#random() < 0.3) {
        const some = 1 + Math.floor(this.#random() * (records.length - 1));
        parts.push(...records.slice(0, some));
        this.#openFragments = { group, next: some, records };
      } else {
        parts.push(...records);
        this.#groups.push(group);
      }
    }
    this.#hand(parts);
  }

  /** Sends more of the open group, or starts it again, perhaps as another group of a newer epoch. */
  #continueOpen(parts: Buffer[]): void {
    const open = this.#openFragments;
    if (!open) return;
    if (this.#random() < 0.3) {
      const again = this.#random() < 0.5 ? open.group : this.#newGroup();
      const records = this.#records(again);
      parts.push(...records);
      this.#groups.push(again);
      this.#openFragments = null;
      return;
    }
    const upTo = open.next + 1 + Math.floor(this.#random() * (open.records.length - open.next));
    parts.push(...open.records.slice(open.next, upTo));
    open.next = upTo;
    if (upTo < open.records.length) return;
    this.#groups.push(open.group);
    this.#openFragments = null;
  }

  #repeated(): Buffer[] {
    const from = Math.max(0, this.#end - 3);
    return this.#groups.slice(from).flatMap((group) => this.#records(group));
  }

  /** In one buffer, or in several. */
  #hand(parts: Buffer[]): void {
    while (parts.length > 0) {
      const count = 1 + Math.floor(this.#random() * parts.length);
      this.#spool.append(Buffer.concat(parts.splice(0, count)), this.#said());
    }
  }

  #format(): void {
    if (this.#failed || this.#cutting) return;
    this.#formatNumber += this.#random() < 0.5 ? 1 : 0;
    this.#openFragments = null;
    this.#spool.append(makeFormat(this.#end, this.#epoch, Buffer.from(`format ${this.#formatNumber}`)));
  }

  async #turns(count: number): Promise<void> {
    for (let turn = 0; turn < count; turn++) await Promise.resolve();
  }

  #timePasses(): void {
    // Longer than anything in the spool waits.
    this.#clock.pass(1000);
  }

  #learnCommitted(): void {
    if (this.#cutting) return;
    const ordinal =
      this.#committed + Math.floor(this.#random() * (this.#spool.durable.ordinal - this.#committed + 1));
    this.#committed = Math.max(this.#committed, ordinal);
    this.#spool.setCommitted(ordinal);
  }

  /** What the sender says is committed: nothing, or all, so that the write waits for company. */
  #said(): number {
    return this.#random() < 0.5 ? 0 : this.#end;
  }

  #purge(): void {
    if (this.#failed) return;
    const below = Math.floor(this.#random() * (this.#committed + 2));
    this.#purgeAsked = Math.max(this.#purgeAsked, below);
    this.#inBackground(this.#spool.purge(below));
  }

  #cut(): void {
    if (this.#failed || this.#cutting) return;
    const low = Math.max(this.#committed, this.#spool.begin - 1);
    const after = low + Math.floor(this.#random() * (this.#end - low + 1));
    const group = this.#groups[after - 1];
    this.#cutting = { after };
    const position = {
      epoch: group?.epoch ?? 0,
      ordinal: after,
      gtid: group ? mariadbGtidText(mariadbGtid(after, serverOfEpoch(group.epoch))) : '',
    };
    const cut = this.#spool.cut(position).then(() => {
      this.#groups.length = after;
      this.#openFragments = null;
      this.#reported = Math.min(this.#reported, after);
      this.#cutting = null;
      // What is appended now is another history.
      this.#epoch += 1;
    });
    this.#inBackground(cut);
  }

  #inBackground(work: Promise<void>): void {
    this.#background.push(
      work.catch((error) => {
        if (!isSkeinError(error, 'SPOOL_FAILED') && !isSkeinError(error, 'SPOOL_CLOSED')) throw error;
      }),
    );
    // Looked at before the next life; until then nobody may call it unhandled.
    for (const promise of this.#background) promise.catch(() => {});
  }

  async #readSome(): Promise<void> {
    if (this.#failed) return;
    await this.#quiet();
    if (this.#failed) return;
    const from = this.#spool.begin + Math.floor(this.#random() * (this.#end - this.#spool.begin + 2));
    await this.#checkContent(from);
  }

  /** S4: a reader that lives long, limited by what is committed, through purges and cuts. */
  async #follow(): Promise<void> {
    if (this.#failed || this.#cutting) return;
    if (!this.#follower) {
      const next = Math.max(this.#spool.begin, this.#committed - 5);
      this.#follower = { reader: this.#spool.reader(next), next, midGroup: false };
    }
    const follower = this.#follower;
    for (let count = 0; count < 4; count++) {
      let bytes: Buffer | null;
      try {
        bytes = await follower.reader.next(this.#committed, 1 + Math.floor(this.#random() * 6000));
      } catch (error) {
        if (isSkeinError(error, 'SPOOL_PURGED') && follower.next < this.#spool.begin) this.#follower = null;
        else if (!this.#failed) throw error;
        return;
      }
      if (!bytes) return;
      for (const { header } of walkRecords(bytes)) {
        if (header.kind === RECORD_KIND.format) continue;
        ensure(header.ordinal === follower.next, `S4 reader got ${header.ordinal}, not ${follower.next}`);
        ensure(((header.flags & 1) === 0) === follower.midGroup, 'S4 reader got fragments out of order');
        follower.midGroup = (header.flags & 2) === 0;
        if (!follower.midGroup) follower.next += 1;
      }
    }
  }

  async #failSync(): Promise<void> {
    this.#disk.failSyncs(1);
    this.#append();
    await settle();
    this.#disk.failSyncs(0);
    if (!this.#failed) return;
    let refused = false;
    try {
      this.#spool.append(Buffer.concat(makeGroup(this.#newGroup())), this.#said());
    } catch (error) {
      refused = isSkeinError(error, 'SPOOL_FAILED');
    }
    ensure(refused, 'a failed spool took more');
    await this.#crash(this.#random() < 0.5 ? 'process' : 'power');
  }

  async #reopen(): Promise<void> {
    await this.#quiet();
    const reported = this.#end;
    const failed = this.#failed;
    await this.#spool.close();
    if (!failed) ensure(this.#spool.durable.ordinal === reported, 'close left something not durable');
    const committed = this.#spool.committed();
    await this.#next(failed);
    if (!failed) ensure(this.#spool.committed() === committed, 'S6 close forgot what is committed');
  }

  async #crash(how: 'power' | 'process'): Promise<void> {
    this.#disk = how === 'power' ? this.#disk.powerCut() : this.#disk.processKill();
    // Sometimes the power goes again in the middle of the recovery.
    while (this.#random() < 0.2) {
      const attempt = this.#open().catch(() => {});
      await this.#turns(Math.floor(this.#random() * 60));
      this.#disk = this.#disk.powerCut();
      await attempt;
    }
    await this.#next(true);
  }

  /** The next life, and what must have survived. */
  async #next(crashed: boolean): Promise<void> {
    await settle();
    const cutting = this.#cutting;
    this.#cutting = null;
    await this.#open();
    const spool = this.#spool;
    ensure(spool.damage === null, `S3 damage: ${JSON.stringify(spool.damage)}`);
    this.#incarnation ||= this.#reported > 0 ? spool.incarnation : '';
    if (this.#incarnation) ensure(spool.incarnation === this.#incarnation, 'S6 another incarnation');
    const least = cutting ? Math.min(cutting.after, this.#reported) : this.#reported;
    ensure(spool.end.ordinal >= least, `S1 ordinal ${least} was durable, the end is ${spool.end.ordinal}`);
    // A group that was open in the model may have been completed only there.
    ensure(spool.end.ordinal <= this.#end, `S2 the end is ${spool.end.ordinal}, beyond ${this.#end}`);
    if (!crashed) ensure(spool.end.ordinal === this.#end, 'S1 a clean close lost groups');
    ensure(spool.begin <= Math.max(1, this.#purgeAsked), `S6 begins at ${spool.begin}`);
    ensure(spool.committed() <= this.#committed, 'S6 committed grew by itself');
    this.#groups.length = spool.end.ordinal;
    // What the recovery calls durable must stay so.
    this.#reported = spool.durable.ordinal;
    if (crashed) this.#epoch += this.#random() < 0.5 ? 1 : 0;
    const last = this.#groups.at(-1);
    const gtid = last ? mariadbGtidText(mariadbGtid(last.ordinal, serverOfEpoch(last.epoch))) : '';
    ensure(spool.durable.gtid === gtid, `S1 durable is ${spool.durable.gtid}, not ${gtid}`);
    await this.#checkContent(spool.begin);
  }

  async #quiet(): Promise<void> {
    await Promise.all(this.#background);
    this.#background = [];
    await settle();
  }

  /** S1, S2, S4: all groups from `from` to the end, byte for byte (their payload: fragments may differ). */
  async #checkContent(from: number): Promise<void> {
    const reader = this.#spool.reader(from);
    const found = new Map<number, Buffer[]>();
    const bytesMax = 1 + Math.floor(this.#random() ** 2 * 50_000);
    for (;;) {
      const bytes = await reader.next(Number.MAX_SAFE_INTEGER, bytesMax);
      if (!bytes) break;
      for (const { offset, header } of walkRecords(bytes)) {
        if (header.kind === RECORD_KIND.format) continue;
        const payload = bytes.subarray(offset + header.payloadOffset, offset + header.size);
        const list = found.get(header.ordinal) ?? [];
        list.push(Buffer.from(payload));
        found.set(readU53(bytes, offset + 16), list);
      }
    }
    reader.close();
    ensure(found.size === this.#end - from + 1, `S4 read ${found.size} groups, not ${this.#end - from + 1}`);
    for (const group of this.#groups.slice(from - 1)) {
      const payload = Buffer.concat(found.get(group.ordinal) ?? [Buffer.from('missing')]);
      ensure(payload.equals(group.payload), `S1 ordinal ${group.ordinal} has other bytes`);
    }
  }
}

type Step = [weight: number, name: string, act: () => Promise<void> | void];

function choose(steps: readonly Step[], dice: number): [string, Step[2]] {
  let left = dice;
  for (const [weight, name, act] of steps) {
    left -= weight;
    if (left < 0) return [name, act];
  }
  throw new Error('the dice are larger than all weights');
}

function ensure(condition: unknown, what: string): asserts condition {
  if (!condition) throw new Violation(what);
}

/** Lets everything that is under way come to its end; the simulated disk needs no timers. */
export function settle(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
