import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type NodeConfig, nodeConfig } from '../../src/config/node-config.js';
import { ownPlace } from '../../src/config/place.js';
import { EventLog } from '../../src/events/event-log.js';
import { mariadb } from '../../src/flavour/mariadb/mariadb.js';
import type { LinkListener } from '../../src/link/listener.js';
import type { Chain } from '../../src/model/chain.js';
import { type ListedMember, linkText } from '../../src/model/members.js';
import { NodeElections } from '../../src/node/elections.js';
import { ChainFile } from '../../src/roles/chain-file.js';
import { linkListener } from '../../src/roles/link-listening.js';
import type { LocalControl } from '../../src/roles/local-server.js';
import { Maintenance } from '../../src/roles/maintenance.js';
import { OpenMark } from '../../src/roles/open-mark.js';
import { RoleHost } from '../../src/roles/role-host.js';
import type { NodeParts } from '../../src/roles/role-node.js';
import { Spool } from '../../src/spool/spool.js';
import { diskStorage } from '../../src/spool/storage.js';
import { Emitter } from '../../src/std/emitter.js';
import { findFreePort } from '../../src/std/free-port.js';
import { Histogram } from '../../src/std/histogram.js';
import { silentLogger } from '../../src/std/logger.js';
import { encodeRecord, RECORD_KIND, WHOLE } from '../../src/wire/record.js';
import { makeGroup } from './spool/record-maker.js';

const NONE = Buffer.alloc(0);
const SECRET = Buffer.alloc(32, 'secret');
const UP = { pid: 1, adopted: true, crashed: false, serverId: 1, port: 1, socketPath: '', version: '' };

/**
 * The replication plane of a node in this process, with its real spool, election, links and roles, on real sockets. Its server is
 * none, or one that answers and executes nothing.
 */
export class ServerlessNode {
  readonly config: NodeConfig;
  readonly spool: Spool;
  readonly host: RoleHost;
  readonly events: EventLog;
  readonly failures: Error[] = [];
  readonly #chainFile: ChainFile;
  readonly #elections: NodeElections;
  readonly #listener: LinkListener;
  readonly #directory: string;

  /** `contact`: link port of another node, for one that has no chain yet. */
  static async create(
    name: string,
    { witness = false, contact }: { witness?: boolean; contact?: number } = {},
  ): Promise<ServerlessNode> {
    const directory = await mkdtemp(join(tmpdir(), `skein-${name}-`));
    const port = await findFreePort();
    const config = nodeConfig(
      {
        ...{ name, cluster: 'shop', directory, secretFile: 'secret', heartbeatIntervalMs: 100, witness },
        ...{
          http: { port: port === 65535 ? 1 : port + 1 },
          link: { port },
          contact: { port: contact ?? port },
        },
        ...(witness && { adminTokenFile: 'admin.token' }),
      },
      { source: 'node.json', baseDirectory: directory },
    );
    const state = join(directory, 'state');
    await mkdir(state);
    const spool = await Spool.open(
      { directory: join(directory, 'spool') },
      { storage: diskStorage, logger: silentLogger, gtidText: mariadb.gtidText },
    );
    const [chainFile, openMark, maintenance] = [
      new ChainFile(state),
      new OpenMark(state),
      new Maintenance(state),
    ];
    for (const each of [chainFile, openMark, maintenance]) await each.load();
    return new ServerlessNode({ config, spool, chainFile, openMark, maintenance });
  }

  private constructor({
    config,
    ...files
  }: Pick<NodeParts, 'config' | 'spool' | 'chainFile' | 'openMark' | 'maintenance'>) {
    this.config = config;
    this.spool = files.spool;
    this.#chainFile = files.chainFile;
    this.#directory = config.directory;
    const place = ownPlace(config);
    const { name, witness } = config;
    this.events = new EventLog({ node: name }, { logger: silentLogger, audit: { add: () => {} } });
    const parts: NodeParts = {
      ...{ config, place, ...files, secret: SECRET, clusterId: 'c1', boot: 1, linkTls: null },
      ...{ logger: silentLogger, flavour: mariadb, fsyncTimes: new Histogram([1]) },
      election: undefined as never,
      events: this.events,
      seeding: {
        ...{ need: () => 'nobody gives snapshots here', cancel: async () => {}, isRunning: false },
        ...{ closed: null, progress: null, keepsFrom: Number.POSITIVE_INFINITY, onChange: new Emitter() },
      },
      seedRequested: () => {},
      control: () => {
        if (witness) throw new Error('A witness has asked for its server.');
        return IDLE_SERVER;
      },
      kill: async () => {},
      serverSilence: () => null,
      cutClients: async () => {},
      newServerId: async () => 1,
      crashHandled: async () => {},
      fail: (error) => this.failures.push(error),
      prepareSystem: async () => {},
      passwordOf: () => 'unused',
      logWarnings: () => [],
      heartbeatBase: () => ({
        ...{ node: name, http: place.http, link: linkText(place.link), mysqlRw: null, mysqlRo: null },
        ...{ mysqlConnections: null, pid: null, timeZones: null, log: null, maintenance: false },
        server: { flavour: null, version: null, pid: null, up: false },
      }),
    };
    this.host = new RoleHost(parts);
    this.#elections = new NodeElections(parts, this.host, {
      sendOnAccepted: (to, message) => this.#listener.sendElection(to, message),
      lookAtServer: () => {},
    });
    Object.assign(parts, { election: this.#elections.port });
    this.#listener = linkListener(parts, this.host, this.#elections);
  }

  /** As the list of members has it, on the disk that it has. */
  get member(): ListedMember {
    return { ...ownPlace(this.config), incarnation: this.spool.incarnation, voter: true };
  }

  /** Its log goes from there to there, all of epoch 1; `committed`: up to where it knows that. Before `start`. */
  async log(from: number, to: number, committed: number): Promise<void> {
    const fields = { kind: RECORD_KIND.format, flags: WHOLE, epoch: 1, ordinal: from - 1, atMs: 0 };
    const format = encodeRecord({ ...fields, gtid: NONE, previousGtid: NONE }, Buffer.from('format'));
    const records = Array.from({ length: to - from + 1 }, (_, at) =>
      makeGroup({ ordinal: from + at, epoch: 1, previousEpoch: 1, payload: Buffer.alloc(100) }),
    ).flat();
    this.spool.append(Buffer.concat([format, ...records]), committed);
    await this.spool.flush();
    this.spool.setCommitted(committed);
  }

  async start(chain: Chain): Promise<void> {
    await this.#chainFile.save(chain);
    await this.host.start();
    await this.#listener.start();
    await this.#elections.start();
    if (!this.config.witness) this.host.serverUp(UP);
  }

  get chain(): Chain {
    return this.#chainFile.chain;
  }

  async stop(): Promise<void> {
    await this.#elections.stop();
    await this.host.stop();
    await this.#listener.stop();
    await this.spool.close();
    await rm(this.#directory, { recursive: true });
  }
}

const IDLE_SERVER = {
  status: async () => ({ gtidBinlogPos: '', gtidSlavePos: '', syncBinlog: 1, flushAtTrxCommit: 1 }),
  replicaStatus: async () => null,
  settleRecovery: async () => null,
  unreadableTables: async () => '',
  isFreeOfXa: async () => true,
  followEndpoint: async () => {},
  stopFollowing: async () => {},
} as unknown as LocalControl;
