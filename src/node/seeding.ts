import { join } from 'node:path';
import type { NodeConfig } from '../config/node-config.js';
import { isInHistory, positionAt, positionOf } from '../flavour/history.js';
import { dialSeed } from '../link/seed-dialer.js';
import { listedNames, listInForce } from '../model/chain.js';
import { isSkeinError, messageOf, SkeinError } from '../model/error.js';
import { isWitness } from '../model/members.js';
import type { Position } from '../model/position.js';
import type { SeedNeed } from '../model/seed.js';
import type { MemberStatus } from '../model/status.js';
import { accountPassword } from '../mysql-control/accounts.js';
import type { MariadbControl } from '../mysql-control/control.js';
import { keepExtra } from '../recovered/keep.js';
import { linkSettings } from '../roles/link-settings.js';
import { definitionsFile } from '../roles/primary/definitions-file.js';
import { ddlNoteFile } from '../roles/replica/ddl-note.js';
import type { RoleHost } from '../roles/role-host.js';
import type { NodeParts } from '../roles/role-node.js';
import type { SeedTarget } from '../roles/seed-parts.js';
import { xaFile } from '../roles/xa-file.js';
import { SeedDonor, type Taking } from '../seeding/donor.js';
import { seedRecordFile } from '../seeding/seed-record.js';
import { Seeder } from '../seeding/seeder.js';
import type { Donor } from '../seeding/seeder-parts.js';
import { type ServerEnd, StartTrouble } from '../seeding/start-trouble.js';
import { type BackupPrograms, obtainBackupPrograms } from '../server-packages/backup-programs.js';
import { binlogProgramOf, type ServerBinary } from '../server-packages/server-binary.js';
import { LogWatch } from '../server-process/log-watch.js';
import type { ManagedServer } from '../server-process/managed-server.js';
import { rollBackPrepared } from '../server-process/prepared-transactions.js';
import { IncomingSnapshot } from '../snapshot/incoming.js';
import { discardSnapshot, placeSnapshot, settlePlaced } from '../snapshot/place.js';
import type { SeedNote } from '../snapshot/seed-note.js';
import { takeSnapshot } from '../snapshot/take.js';
import { monotonicMs } from '../std/clock.js';
import { RateLimit } from '../std/rate-limit.js';
import { sleep } from '../std/timing.js';
import { whyNotCopied } from './why-not-copied.js';

export interface NodeSeedingModules {
  readonly binary: ServerBinary;
  readonly cacheDir: string;
  readonly server: ManagedServer;
  readonly control: MariadbControl;
  /** State of the data directory at the start of the node: see recoverPlacing. */
  readonly placed: SeedNote | null;
  parts(): NodeParts;
  role(): RoleHost;
}

const MIB = 2 ** 20;
const LOOK_MS = 50;
const SETTLE_RETRY_MS = 2_000;

/** Connects the room `seeding` to the node: it sends snapshots of this node's server, and fills the server from others. */
export class NodeSeeding {
  readonly #config: NodeConfig;
  readonly #modules: NodeSeedingModules;
  readonly seeder: Seeder;
  readonly donor: SeedDonor;
  readonly #limit: RateLimit;
  readonly #trouble: StartTrouble;
  readonly #log: LogWatch;
  /** Whether the server's replication position matches its data: see settle. */
  #isSettled = true;
  #placing: Promise<unknown> = Promise.resolve();
  readonly #stopped = new AbortController();

  constructor(
    config: NodeConfig,
    modules: NodeSeedingModules & Pick<NodeParts, 'logger' | 'events' | 'flavour'>,
  ) {
    this.#config = config;
    this.#modules = modules;
    const { logger, events, flavour, server } = modules;
    const log = logger.child({ part: 'seeding' });
    const { program } = flavour;
    this.#trouble = new StartTrouble(program.words);
    this.#log = new LogWatch(server.logPath, program.words.damage);
    this.#limit = new RateLimit(config.seedRateMiBs === 0 ? null : config.seedRateMiBs * MIB);
    this.seeder = new Seeder(
      { node: config.name, flavour: flavour.name },
      {
        logger: log,
        events,
        record: seedRecordFile(join(config.directory, 'state'), { logger: log }),
        nowMs: monotonicMs,
        donors: () => this.#donors(),
        dial: (donor, request, signal) =>
          dialSeed({ ...linkSettings(modules.parts()), ...donor.link }, request, signal),
        positionOf: (gtid) => this.#positionOf(gtid),
        nameOf: (ordinal) => this.#nameOf(ordinal),
        committed: () => this.#target?.committed() ?? null,
        applied: () => this.#target?.applied() ?? null,
        spool: () => {
          const { begin, end } = modules.parts().spool;
          return { begin, end: end.ordinal };
        },
        restartSpool: async (position) => this.#target?.restartSpool(position),
        keepExtra: (reason, signal) => this.keepExtra(reason, signal),
        snapshots: {
          begin: async (bytesExpected, signal) => {
            const { binary } = modules;
            const user = await server.user();
            const arriving = await IncomingSnapshot.begin(
              {
                ...{ directory: config.directory, user },
                programs: await this.#programs(signal),
                serverVersion: server.current?.version ?? binary.version,
              },
              { bytesExpected },
              {
                logger: log,
                rollBackPrepared: (data, stopped) =>
                  rollBackPrepared(data, { binary, program, user }, stopped),
              },
            );
            return {
              write: (bytes) => arriving.write(bytes),
              finish: (expected, finishSignal) => arriving.finish(expected, { signal: finishSignal }),
              discard: () => arriving.discard(),
            };
          },
          place: async () => {
            await placeSnapshot(config.directory, { logger: log });
            this.#isSettled = false;
            this.#target?.dataReplaced();
            this.#log.forget();
          },
          discard: () => this.#discard(),
        },
        server: {
          stop: (reason) => server.kill(reason),
          start: (signal) => this.#startServer(signal),
        },
      },
    );
    this.donor = new SeedDonor(
      { node: config.name, flavour: flavour.name, transfersMax: config.seedsMax },
      {
        logger: log,
        events,
        nowMs: monotonicMs,
        state: () => {
          const role = modules.role();
          const { positions, server: told } = role.heartbeat();
          return {
            role: role.role,
            illness: this.#illness(),
            applied: positions.applied,
            members: listedNames(modules.parts().chainFile.chain),
            serverVersion: told.version ?? '',
          };
        },
        positionOf: (gtid) => this.#positionOf(gtid),
        take: (signal) => this.#take(signal),
      },
    );
  }

  /** Keeps the transactions in the log of this node's server that the cluster does not have. */
  keepExtra(reason: string, signal: AbortSignal): Promise<string | null> {
    const { directory, name: node } = this.#config;
    const { server, binary } = this.#modules;
    return keepExtra(
      {
        ...{ directory, node, reason, dataDir: server.dataDir },
        program: binlogProgramOf(binary),
        isClusters: (gtid) => this.#isClusters(gtid),
      },
      signal,
    );
  }

  /** Continues an interrupted seed. Called before the server is started. */
  async resume(): Promise<void> {
    const note = this.#modules.placed;
    this.#isSettled = note?.step !== 'placed';
    await this.seeder.resume({
      step: note?.step === 'placed' || note?.step === 'ready' ? note.step : 'none',
      gtid: note?.gtid,
    });
  }

  /**
   * Sets the replication position of a server that runs on new data, before the server gets a role. Resolves with true when
   * the position is set, with false when the server has ended before.
   */
  async settle(isRunning: () => boolean): Promise<boolean> {
    while (!this.#isSettled) {
      if (!isRunning() || this.#stopped.signal.aborted) return false;
      try {
        await this.#alone(async () => {
          const control = { beginAt: (gtid: string) => this.#beginAt(gtid) };
          await settlePlaced(this.#config.directory, control, this.#modules.parts());
          this.#isSettled = true;
        });
      } catch (error) {
        const reason = `The replication position of the server on its new data could not be set: ${messageOf(error)}`;
        this.#modules.parts().events.add('replication.error', this.#config.name, reason);
        await sleep(SETTLE_RETRY_MS, this.#stopped.signal).catch(() => {});
      }
    }
    return isRunning();
  }

  /** Starts the server when the node starts. @throws what ManagedServer.start throws */
  async startServer(signal: AbortSignal): Promise<void> {
    // New data is in place, and the seeder starts the server on it.
    if (!this.#isSettled && this.seeder.isRunning) return;
    try {
      await this.#modules.server.start({ signal });
    } catch (error) {
      // It is started once more, and then recovers as usual.
      if (!signal.aborted && isSkeinError(error, 'LOG_NOT_TRUNCATED')) {
        await this.startServer(signal);
        return;
      }
      // The seeder fills a server that does not start, and starts it afterwards.
      if (signal.aborted || !this.seeder.isRunning || !isSkeinError(error)) throw error;
    }
  }

  serverUp(): void {
    this.#trouble.up();
  }

  /** Decides whether the ended server can be started on its data again, or must be filled. */
  serverDown(end: ServerEnd & { readonly expected: boolean }): void {
    const need = end.expected ? null : this.#trouble.ended(end, monotonicMs());
    if (need !== null) this.#ask(need);
  }

  /** Reads the server's error log for damaged files. Called often while the server runs. */
  async lookAtLog(): Promise<void> {
    const [line] = await this.#log.look();
    if (line !== undefined) this.#ask(this.#trouble.damage(line.trim()));
  }

  /** Only a replica is filled. The other nodes are filled from the data of the primary. */
  #ask(need: SeedNeed): void {
    if (this.#target === null || this.seeder.isRunning) return;
    const refused = this.seeder.need(need);
    if (refused === null) return;
    this.#modules.parts().events.add('replication.error', this.#config.name, `${need.reason} ${refused}`, {
      code: 'SEED_REPEATED',
    });
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.seeder.stop();
  }

  async #discard(): Promise<boolean> {
    if (!this.#isSettled)
      await this.#modules.server.kill('its new data is of no use, and the old data is put back');
    return await this.#alone(async () => {
      const isReturned = await discardSnapshot(this.#config.directory, this.#modules.parts());
      if (!isReturned) return false;
      this.#isSettled = true;
      this.#target?.dataReplaced();
      this.#log.forget();
      return true;
    });
  }

  /** Old data must not be removed because the new is settled, and put back, at the same time. */
  #alone<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#placing.then(work);
    this.#placing = done.catch(() => {});
    return done;
  }

  /** Sets the position, and resets the state files about the previous server, whose data the snapshot has replaced. */
  async #beginAt(gtid: string): Promise<void> {
    const { control } = this.#modules;
    await control.beginAt(gtid);
    const state = join(this.#config.directory, 'state');
    const branches = await control.preparedBranches();
    await xaFile(state).save({ at: this.#positionOf(gtid), branches, ending: [] });
    await ddlNoteFile(state).remove();
    await definitionsFile(state).remove();
    // The new data is a replica's.
    await this.#modules.parts().openMark.clear();
  }

  async #startServer(signal: AbortSignal): Promise<void> {
    const { server } = this.#modules;
    // When the node itself is starting, it starts the server.
    if (!server.isManaged) await server.start({ signal });
    while (!this.#isSettled || server.current === null) {
      if (!server.isManaged) throw new SkeinError('SERVER_START_FAILED', 'The server does not start.');
      await sleep(LOOK_MS, signal);
    }
  }

  #programs(signal: AbortSignal): Promise<BackupPrograms> {
    const { binary, cacheDir } = this.#modules;
    return obtainBackupPrograms({ server: binary, cacheDir, signal }, this.#modules.parts());
  }

  async #take(signal: AbortSignal): Promise<Taking> {
    const { server, control } = this.#modules;
    const { secret, logger } = this.#modules.parts();
    const programs = await this.#programs(signal);
    const up = server.current;
    if (up === null) throw new SkeinError('SEED_UNHEALTHY', 'The server of this node is down.');
    const taking = await takeSnapshot(
      {
        programs,
        dataDir: server.dataDir,
        socketPath: up.socketPath,
        password: accountPassword(secret, 'skein'),
        directory: this.#config.directory,
        limit: this.#limit,
      },
      { logger: logger.child({ part: 'snapshot' }), gtidAt: (place) => control.gtidAt(place) },
      signal,
    );
    return { output: taking.output, done: taking.done, bytesTotal: taking.progress().bytesTotal };
  }

  get #target(): SeedTarget | null {
    return this.#modules.role().seedTarget();
  }

  /** Why this node's server must not be copied now; null = it may be copied. */
  #illness(): string | null {
    if (this.#config.witness) return 'it is a witness, without a server.';
    if (this.#modules.server.current === null) return 'its server is down.';
    if (this.seeder.isRunning) return 'it is being filled itself.';
    if (this.#modules.parts().maintenance.isOn) return 'it is in maintenance.';
    return whyNotCopied(this.#modules.role());
  }

  /** The other nodes with the state that the primary reports. A node without a report decides by itself when it is asked. */
  #donors(): Donor[] {
    const { name: own, routes } = this.#config;
    const { primary, members: told } = this.#modules.role().clusterStatus();
    const others = listInForce(this.#modules.parts().chainFile.chain).filter(
      (member) => member.name !== own && !isWitness(member),
    );
    return others.map(({ name, link }) => {
      const status = told.find((member) => member.name === name);
      return {
        name,
        link: routes[name] ?? link,
        role: name === primary ? 'primary' : 'replica',
        isHealthy: status === undefined ? null : isHealthy(status),
        applied: status?.positions.applied ?? 0,
      };
    });
  }

  #positionOf(gtid: string): Position {
    const { flavour, chainFile } = this.#modules.parts();
    return positionOf(chainFile.chain, gtid, flavour);
  }

  #isClusters(gtid: string): boolean {
    const { flavour, chainFile } = this.#modules.parts();
    return isInHistory(chainFile.chain, gtid, flavour);
  }

  #nameOf(ordinal: number): string {
    const { flavour, chainFile } = this.#modules.parts();
    return positionAt(chainFile.chain, ordinal, flavour).gtid;
  }
}

/**
 * Null: it was not heard of lately, so it has to answer for itself. The primary's link is closed again and again while its log
 * does not reach back to what this node needs, and with two nodes it is the only donor.
 */
function isHealthy({ state, server, seeding, maintenance, lastHeartbeatMs }: MemberStatus): boolean | null {
  if (lastHeartbeatMs === null || state === 'joining' || state === 'late' || state === 'gone') return null;
  return state === 'live' && server.up && !seeding && maintenance !== true;
}
