import { statfs } from 'node:fs/promises';
import type { EventLog } from '../../events/event-log.js';
import { messageOf } from '../../model/error.js';
import { type ClusterStatus, type LogStatus, memberRole, type Role } from '../../model/status.js';
import type { Logger } from '../../std/logger.js';
import { sleep } from '../../std/timing.js';
import { type DiskSpace, diskLevel, wantedFree, worse } from './disk.js';
import { LogGrowth } from './growth.js';
import { LogReader, type LogReaderModules, type ServerLog } from './log-reader.js';
import {
  type DiskLevel,
  type LogFacts,
  type LogNeed,
  planRetention,
  type RetentionLimits,
  type RetentionWarning,
} from './plan.js';
import { diskText, droppedText, lostText, warningText } from './texts.js';

export interface RetentionOptions {
  readonly node: string;
  readonly limits: RetentionLimits;
  readonly freeBytesMin: number;
  /** Directory of the server's data; null = a witness, which has none. */
  readonly dataDirectory: string | null;
  readonly spoolDirectory: string;
}

export interface RetentionModules extends Pick<LogReaderModules, 'logFiles' | 'logFileBegin' | 'countOf'> {
  readonly logger: Logger;
  readonly events: EventLog;
  purgeLogs(before: string): Promise<void>;
  /** Makes the server purge nothing by itself. Returns whether it would have purged. */
  keepLogs(): Promise<boolean>;
  /** Pid of the running server; null = none runs. */
  serverPid(): number | null;
  readonly role: {
    readonly role: Role;
    isOpen(): { readonly open: boolean };
    clusterStatus(): ClusterStatus;
    /** Everything up to this ordinal is durable on a majority; null = not known. */
    durable(): number | null;
    holdWrites(reason: string | null): Promise<void>;
  };
  /**
   * The recovery of XA transactions needs the log after this ordinal. `isStuck`: an XA transaction has been open for long.
   * Null: the log need not be kept for XA.
   */
  xaAgreed(): Promise<{ readonly ordinal: number; readonly isStuck: boolean } | null>;
  /** The warnings in the status document have changed. */
  changed(): void;
  readonly wallMs?: () => number;
}

/** Poll interval. A disk that fills at 250 MB/s uses a quarter of the default 1 GiB in this time. A poll takes about 1 ms. */
const LOOK_MS = 1_000;
/** After this many polls without a warning about a member, the next one is an event again. */
const QUIET_LOOKS = 60;

/**
 * Keeps the binary log of the node's server while other nodes may need it, and keeps the disks from filling up; see
 * plan.ts.
 */
export class Retention {
  readonly #options: RetentionOptions;
  readonly #modules: RetentionModules;
  readonly #reader: LogReader;
  readonly #growth = new LogGrowth();
  readonly #stopped = new AbortController();
  #running: Promise<void> = Promise.resolve();
  #pid: number | null = null;
  #level: DiskLevel = 'ok';
  #spoolLevel: DiskLevel = 'ok';
  #warnings: string[] = [];
  /** Members with a warning, and the number of polls since the last one. */
  readonly #warned = new Map<string, number>();
  readonly #dropped = new Set<string>();
  #failed = '';
  #status: LogStatus | null = null;
  #space: { data: DiskSpace; spool: DiskSpace } | null = null;

  constructor(options: RetentionOptions, modules: RetentionModules) {
    this.#options = options;
    this.#modules = modules;
    const { wallMs = () => Date.now() } = modules;
    this.#reader = new LogReader({ ...modules, directory: options.dataDirectory ?? '', wallMs });
  }

  /** Null: not known yet. */
  get status(): LogStatus | null {
    return this.#status;
  }

  /** On the primary: members that will lose, or have lost, their place in the log. */
  get warnings(): readonly string[] {
    return this.#warnings;
  }

  start(): void {
    this.#running = this.#run(this.#stopped.signal);
  }

  /** Resolves when no poll is running any more. */
  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#running;
  }

  async #run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        await this.look();
        this.#failed = '';
      } catch (error) {
        const reason = messageOf(error);
        // Each reason is logged once, because a server that is down or starting fails at each poll.
        if (reason !== this.#failed)
          this.#modules.logger.warn({ reason }, 'the retention of the binary log could not be checked');
        this.#failed = reason;
      }
      await sleep(LOOK_MS, signal).catch(() => {});
    }
  }

  async look(): Promise<void> {
    await this.#lookAtDisks();
    const { serverPid, role } = this.#modules;
    const pid = serverPid();
    if (pid !== this.#pid) {
      this.#reader.forget();
      this.#growth.forget();
      this.#pid = pid;
    }
    if (pid === null || !role.isOpen().open) return;
    await this.#keepLogs();
    const log = await this.#reader.read();
    if (log === null || serverPid() !== pid) return;
    this.#growth.note(log.files, performance.now());
    this.#note(log);
    const durable = role.durable();
    const needs = await this.#needs();
    // The positions of the other members are not known yet. Then this node has not written anything either.
    if (durable === null || needs === null) return;
    await this.#carryOut({ ...log, needs, durable, bytesPerSecond: this.#growth.bytesPerSecond });
  }

  async #carryOut(facts: LogFacts): Promise<void> {
    const { limits, freeBytesMin } = this.#options;
    const { logger, role } = this.#modules;
    const data = this.#space?.data;
    const missingBytes = data ? Math.max(0, wantedFree(data, freeBytesMin) - data.freeBytes) : 0;
    const plan = planRetention(facts, limits, { level: this.#level, missingBytes });
    const isPrimary = role.role === 'primary';
    const unwarned = plan.drops.filter((member) => !this.#warned.has(member));
    this.#setWarnings(isPrimary ? this.#warn(plan.warnings, plan.lost) : []);
    const first = facts.files[plan.purge];
    if (plan.purge === 0 || !first) return;
    // A member gets a warning before it loses its place, however fast the log grows.
    if (isPrimary && plan.because === 'limit' && unwarned.length > 0) return;
    await this.#modules.purgeLogs(first.name);
    const left = await this.#reader.read();
    if (left === null) return;
    this.#note(left);
    const { because } = plan;
    // The server keeps a file that a dump is reading, so fewer files may have been purged.
    const purged = facts.files.length - left.files.length;
    logger.info({ purged, first: left.files[0]?.name, after: left.before, because }, 'binary log purged');
    if (isPrimary) this.#reportDropped(facts, left.before, because ?? 'limit');
  }

  #reportDropped({ needs, before }: LogFacts, now: number, because: 'limit' | 'disk'): void {
    const { node } = this.#options;
    for (const { member, has, quiet } of needs) {
      if (quiet) continue;
      const loses = has === null ? now > before : has >= before && has < now;
      if (!loses || this.#dropped.has(member)) continue;
      this.#dropped.add(member);
      const text = droppedText(member, { node, because, isKnown: has !== null });
      this.#modules.events.add('retention.dropped', member, text, { because, has, begins: now });
    }
  }

  #warn(warnings: readonly RetentionWarning[], lost: readonly string[]): string[] {
    const { node, limits } = this.#options;
    // A dropped member that has caught up, or that has connected for the first time, may get a warning again.
    for (const member of this.#dropped)
      if (!lost.includes(member) && this.#isKnown(member)) this.#dropped.delete(member);
    const said: string[] = lost.filter((member) => member !== node).map((member) => lostText(member, node));
    const due = new Set<string>();
    for (const warning of warnings) {
      const { member, limit, used, leftMs } = warning;
      if (!warning.isKnown && this.#dropped.has(member)) continue;
      const text = warningText(warning, limits, node);
      said.push(text);
      due.add(member);
      if (!this.#warned.has(member))
        this.#modules.events.add('retention.warning', member, text, { limit, used, leftMs });
      this.#warned.set(member, 0);
    }
    for (const [member, rounds] of this.#warned) {
      if (due.has(member)) continue;
      if (rounds >= QUIET_LOOKS) this.#warned.delete(member);
      else this.#warned.set(member, rounds + 1);
    }
    return said;
  }

  #isKnown(member: string): boolean {
    const { members } = this.#modules.role.clusterStatus();
    return members.some(({ name, lastHeartbeatMs }) => name === member && lastHeartbeatMs !== null);
  }

  #setWarnings(warnings: string[]): void {
    const was = this.#warnings.length;
    this.#warnings = warnings;
    if (was !== warnings.length) this.#modules.changed();
  }

  /** Null: this node does not know the other members. */
  async #needs(): Promise<LogNeed[] | null> {
    const { node } = this.#options;
    const { role, xaAgreed } = this.#modules;
    const { members, primary } = role.clusterStatus();
    if (role.role === 'replica' && !members.some(({ name }) => name === primary)) return null;
    // A witness that is behind needs nothing of what is committed: see WitnessLog.
    const others = members.filter(({ name, witness }) => name !== node && witness !== true);
    const agreed = await xaAgreed();
    return [
      ...others.map(({ name, state, lastHeartbeatMs, positions }) => ({
        member: name,
        has: lastHeartbeatMs === null ? null : positions.durable,
        present: state !== 'gone',
      })),
      ...(agreed === null
        ? []
        : [{ member: node, has: agreed.ordinal, present: true, quiet: !agreed.isStuck }]),
    ];
  }

  async #keepLogs(): Promise<void> {
    const { keepLogs, events } = this.#modules;
    if (!(await keepLogs())) return;
    events.add(
      'retention.warning',
      this.#options.node,
      'The server was set to purge its binary log by itself (expire_logs_days, binlog_expire_logs_seconds), so a member could lose its place in the log. Skein has set these variables to 0: use the setting "retention".',
      { code: 'SERVER_PURGES' },
    );
  }

  #note({ files, before }: ServerLog): void {
    const oldest = files[0];
    const { wallMs = () => Date.now() } = this.#modules;
    this.#status = {
      files: files.length,
      bytes: files.reduce((sum, { bytes }) => sum + bytes, 0),
      begin: before + 1,
      oldestAt: oldest ? new Date(wallMs() - oldest.ageMs).toISOString() : null,
      diskFreeBytes: this.#space?.data.freeBytes ?? null,
    };
  }

  async #lookAtDisks(): Promise<void> {
    const { dataDirectory, spoolDirectory } = this.#options;
    const spool = await spaceOf(spoolDirectory);
    if (dataDirectory === null) {
      await this.#lookAtWitness(spool);
      return;
    }
    // The server's data directory does not exist before its first start.
    const data = await spaceOf(dataDirectory).catch(() => null);
    if (data === null) return;
    this.#space = { data, spool };
    this.#level = this.#updateLevel('the data', data, this.#level);
    const isSame = data.freeBytes === spool.freeBytes && data.totalBytes === spool.totalBytes;
    this.#spoolLevel = isSame ? this.#level : this.#updateLevel('the spool', spool, this.#spoolLevel);
    const isFull = worse(this.#level, this.#spoolLevel) === 'full';
    const [disk, space] =
      this.#level === 'full' ? (['the data', data] as const) : (['the spool', spool] as const);
    await this.#modules.role.holdWrites(isFull ? this.#diskText(disk, space, isFull) : null);
  }

  async #lookAtWitness(spool: DiskSpace): Promise<void> {
    this.#spoolLevel = this.#updateLevel('the spool', spool, this.#spoolLevel);
    const isFull = this.#spoolLevel === 'full';
    await this.#modules.role.holdWrites(isFull ? this.#diskText('the spool', spool, isFull) : null);
  }

  #diskText(disk: string, space: DiskSpace, isFull: boolean): string {
    const { dataDirectory, freeBytesMin } = this.#options;
    const role = memberRole(this.#modules.role.role, dataDirectory === null);
    const { members } = this.#modules.role.clusterStatus();
    const away = members
      .filter(({ witness, voter, state }) => !witness && voter && state === 'gone')
      .map(({ name }) => name);
    return diskText(disk, { ...space, wantedBytes: wantedFree(space, freeBytesMin), isFull, role, away });
  }

  #updateLevel(disk: string, space: DiskSpace, was: DiskLevel): DiskLevel {
    const { node, freeBytesMin } = this.#options;
    const { events } = this.#modules;
    const level = diskLevel(space, freeBytesMin, was);
    if (level === was) return level;
    const wantedBytes = wantedFree(space, freeBytesMin);
    const data = { disk, level, freeBytes: space.freeBytes, wantedBytes };
    if (level === 'full') events.add('disk.full', node, this.#diskText(disk, space, true), data);
    else if (level === 'ok')
      events.add('disk.ok', node, `The disk of ${disk} has enough free space again.`, data);
    else events.add('disk.low', node, this.#diskText(disk, space, false), data);
    return level;
  }
}

async function spaceOf(directory: string): Promise<DiskSpace> {
  const { bavail, blocks, bsize } = await statfs(directory);
  return { freeBytes: bavail * bsize, totalBytes: blocks * bsize };
}
