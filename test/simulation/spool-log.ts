import type { Position } from '../../src/model/position.js';
import { Spool } from '../../src/spool/spool.js';
import { silentLogger } from '../../src/std/logger.js';
import { RECORD_KIND, walkRecords } from '../../src/wire/record.js';
import { makeGroup, mariadbGtid, serverOfEpoch } from '../kit/spool/record-maker.js';
import { SimulatedStorage } from '../kit/spool/simulated-storage.js';
import { VirtualClock } from '../kit/virtual-clock.js';
import { type Group, groupOf, type NodeLog } from './groups.js';
import type { LogWorld } from './model-log.js';

/**
 * A log that is the real spool, on a simulated disk that forgets and tears what was not synced. Its operations take turns of
 * the event loop, which whoever steps the world lets pass after each step.
 */
export class SpoolLog implements NodeLog {
  readonly #world: LogWorld;
  readonly #storage: SimulatedStorage;
  readonly groups: Group[] = [];
  #spool: Spool | null = null;
  #isGone = false;

  /** `found`: it is open, and all that is in it was read. */
  constructor(world: LogWorld, storage: SimulatedStorage | null, found: () => void = () => {}) {
    this.#world = world;
    this.#storage = storage ?? new SimulatedStorage({ random: () => world.random() });
    this.#do(this.#open(), found);
  }

  get durable(): number {
    return this.#spool?.durable.ordinal ?? 0;
  }

  async #open(): Promise<void> {
    const spool = await Spool.open(
      { directory: '/spool', segmentBytesMax: 2000, tailBytesMax: 500, preallocateBytes: 0, idleMarkMs: 0 },
      { storage: this.#storage, logger: silentLogger, gtidText, clock: new VirtualClock() },
    );
    if (spool.damage) throw new Error(`the spool is damaged: ${spool.damage.reason}`);
    for (const group of await groupsOf(spool)) this.groups.push(group);
    this.#spool = spool;
    spool.onDurable.on(() => {
      if (!this.#isGone) this.#world.moved();
    });
  }

  append(group: Group): void {
    const previousEpoch = this.groups.at(-1)?.epoch ?? group.epoch;
    this.groups.push(group);
    const payload = Buffer.alloc(8 + (group.value % 5) * 100, group.value % 251);
    payload.writeDoubleLE(group.value);
    const { ordinal, epoch } = group;
    this.#spool?.append(Buffer.concat(makeGroup({ ordinal, epoch, previousEpoch, payload })));
  }

  cut(after: Position, done: () => void): void {
    this.#do(this.#live().cut(after), () => {
      this.groups.length = Math.min(this.groups.length, after.ordinal);
      done();
    });
  }

  whenIdle(done: () => void): void {
    this.#do(this.#live().flush(), done);
  }

  /** What a process that has ended was doing fails, and nobody waits for it. */
  #do(work: Promise<void>, done: () => void): void {
    work.then(
      () => {
        if (!this.#isGone) done();
      },
      (error: unknown) => {
        if (!this.#isGone) throw error;
      },
    );
  }

  crash(how: 'kill' | 'power', found: (log: NodeLog) => void): void {
    this.#isGone = true;
    const storage = how === 'power' ? this.#storage.powerCut() : this.#storage.processKill();
    const next: SpoolLog = new SpoolLog(this.#world, storage, () => found(next));
  }

  #live(): Spool {
    if (this.#spool === null) throw new Error('the spool is not open yet');
    return this.#spool;
  }
}

/** As `groupOf` names it. */
function gtidText(binary: Uint8Array): string {
  const bytes = Buffer.from(binary.buffer, binary.byteOffset, binary.byteLength);
  return `0-${bytes.readUInt32LE(4) - serverOfEpoch(0)}-${bytes.readBigUInt64LE(8)}`;
}

async function groupsOf(spool: Spool): Promise<Group[]> {
  const groups: Group[] = [];
  const reader = spool.reader(1);
  for (let bytes = await reader.next(Number.MAX_SAFE_INTEGER, 10_000); bytes; ) {
    for (const { offset, header } of walkRecords(bytes)) {
      if (header.kind !== RECORD_KIND.group) continue;
      const { epoch, ordinal, gtid } = header;
      if (!gtid.equals(mariadbGtid(ordinal, serverOfEpoch(epoch)))) throw new Error('another GTID');
      groups.push(groupOf(epoch, ordinal, bytes.readDoubleLE(offset + header.payloadOffset)));
    }
    bytes = await reader.next(Number.MAX_SAFE_INTEGER, 10_000);
  }
  reader.close();
  return groups;
}
