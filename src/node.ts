import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { NodeView, ServerAccess } from './api/node-view.js';
import { AuditTrail } from './audit/audit-trail.js';
import { auditKey } from './audit/sealed-line.js';
import { searchTrail } from './audit/search.js';
import { adoptAdminToken, ensureSystemSchema } from './auth/system-schema.js';
import { consoleFilesDirectory, installationDirectory, installedVersion } from './config/installation.js';
import { type NodeConfig, usesTls } from './config/node-config.js';
import { EventLog } from './events/event-log.js';
import { HttpServer } from './http/server.js';
import { processMetrics } from './metrics/process-metrics.js';
import type { MetricFamily } from './metrics/text.js';
import { currentEpoch } from './model/chain.js';
import { messageOf, SkeinError } from './model/error.js';
import type { MysqlConnections } from './model/status.js';
import { accountPassword, userPassword } from './mysql-control/accounts.js';
import { MariadbControl } from './mysql-control/control.js';
import { RECOVERY_SERVER_ID } from './mysql-control/ddl-recovery.js';
import { mariadb } from './mysql-protocol/mariadb.js';
import { budgetOf, limitsWithin } from './node/descriptors.js';
import { killJudge } from './node/kill-judge.js';
import { searchLog } from './node/log-search.js';
import { MysqlPorts } from './node/mysql-ports.js';
import { TmpWatch } from './node/tmp-watch.js';
import { UserKeeper } from './node/user-keeper.js';
import { ServerWatch } from './node/watch.js';
import { ChainFile } from './roles/chain-file.js';
import { NodeMetrics } from './roles/metrics.js';
import { PrimaryNode } from './roles/primary/primary-node.js';
import { refuseLost } from './roles/refuse-lost.js';
import { ReplicaNode } from './roles/replica/replica-node.js';
import type { NodeParts, RoleNode } from './roles/role-node.js';
import { SessionGeneration } from './roles/session-generation.js';
import { OwnTimeZones } from './roles/time-zones.js';
import { chooseCacheDir } from './server-packages/cache-dir.js';
import { obtainServer } from './server-packages/obtain.js';
import { dumpProgramOf } from './server-packages/server-binary.js';
import { ManagedServer, type ServerUp } from './server-process/managed-server.js';
import { initConnectArg } from './server-process/settings.js';
import type { Logger } from './std/logger.js';
import type { RotatingFile } from './std/rotating-file.js';
import { sleep } from './std/timing.js';
import { TlsFiles } from './tls/tls-files.js';

/**
 * The composition root: builds the rooms of one node in the order in which data flows, lets them live until the signal,
 * and closes them in reverse. Nothing else imports every room.
 */
export async function runNode(
  config: NodeConfig,
  modules: { logger: Logger; logFile: RotatingFile; signal: AbortSignal },
): Promise<void> {
  const node = await Node.create(config, modules);
  try {
    await node.start(modules.signal);
    await untilAborted(AbortSignal.any([modules.signal, node.failed]));
  } finally {
    // What failed is not trusted to stop in order; the server stays up, and the next start takes it over.
    if (!node.failed.aborted) await node.stop();
  }
  node.failed.throwIfAborted();
}

/** A server without waiting commits ends in about two seconds; one that needs longer is not waited for for ever. */
const SERVER_STOP_DEADLINE_MS = 20_000;

const ROLE_RETRY_MS = 2_000;

class Node {
  readonly #config: NodeConfig;
  readonly #logger: Logger;
  readonly #logFile: RotatingFile;
  readonly #tls: TlsFiles | null;
  readonly #audit: AuditTrail;
  readonly #events: EventLog;
  readonly #server: ManagedServer;
  readonly #control: MariadbControl;
  readonly #role: RoleNode;
  readonly #http: HttpServer;
  readonly #mysqlPorts: MysqlPorts | null;
  readonly #tmpWatch: TmpWatch;
  readonly #timeZones: OwnTimeZones;
  readonly #users: UserKeeper;
  readonly #dumpProgram: string;
  readonly #failed: AbortController;
  readonly #metrics = new NodeMetrics();
  readonly #version = installedVersion();
  #watch: ServerWatch | null = null;
  readonly #generation = new SessionGeneration();

  static async create(
    config: NodeConfig,
    { logger, logFile }: { logger: Logger; logFile: RotatingFile },
  ): Promise<Node> {
    await mkdir(join(config.directory, 'state'), { recursive: true });
    const tls =
      config.tls &&
      new TlsFiles({ ...config.tls, ca: config.tls.ca ?? null }, { log: logger.child({ part: 'tls' }) });
    const secret = Buffer.from((await readFile(config.secretFile, 'utf8')).trim());
    const chainFile = new ChainFile(join(config.directory, 'state'));
    await chainFile.load();
    const cacheDir = await chooseCacheDir({ projectDir: installationDirectory });
    const binary = await obtainServer({ cacheDir }, { logger: logger.child({ part: 'obtain' }) });
    const server = new ManagedServer(
      {
        directory: config.directory,
        secret,
        bufferPoolBytes: config.serverBufferPoolBytes,
        ...(config.serverPort === null ? {} : { port: config.serverPort }),
        extraArgs: [
          ...roomForClients(config),
          ...tmpTableArgs(config),
          ...config.serverArgs,
          initConnectArg(config.serverArgs),
          SEMI_SYNC_OFF,
        ],
        ...(tls && usesTls(config, 'mysql') && { tls: () => tls.current }),
        recoveryServerId: () => {
          if (config.name !== config.primary) return RECOVERY_SERVER_ID;
          const epoch = currentEpoch(chainFile.chain);
          return epoch === 0 ? null : mariadb.epochServerId(epoch);
        },
      },
      { binary, cacheDir, logger: logger.child({ part: 'server' }) },
    );
    const audit = await AuditTrail.open(
      {
        directory: auditDirectory(config),
        node: config.name,
        key: auditKey(secret),
        fileBytesMax: config.auditBytesMax,
        filesMax: config.auditFilesMax,
      },
      { log: logger.child({ part: 'audit' }) },
    );
    audit.add({ kind: 'node', action: 'start', pid: process.pid, version: installedVersion() });
    const events = new EventLog({ node: config.name }, { logger: logger.child({ part: 'events' }), audit });
    const control = new MariadbControl({ secret }, { socketPath: () => server.current?.socketPath ?? null });
    const failed = new AbortController();
    let node: Node | null = null;
    const parts: NodeParts = {
      config,
      secret,
      linkTls: usesTls(config, 'link') ? tls : null,
      logger,
      flavour: mariadb,
      chainFile,
      events,
      control: () => control,
      kill: (reason) => void server.kill(reason, { restart: true }),
      settled: () => server.settled(),
      fail: (error) => failed.abort(error),
      prepareSystem: () => prepareSystem(control, config),
      passwordOf: (account) => accountPassword(secret, account),
      heartbeatBase: () => ({
        node: config.name,
        http: httpAddress(config),
        link: `${config.link.host}:${config.link.port}`,
        ...mysqlAddresses(config),
        mysqlConnections: node?.mysqlConnections ?? null,
        pid: process.pid,
        server: {
          flavour: binary.flavour,
          version: server.current?.version ?? binary.version,
          pid: server.current?.pid ?? null,
          up: server.current !== null,
        },
        timeZones: node?.timeZones ?? null,
      }),
      refuseLost: (position, known) => refuseLost(chainFile.chain, position, known),
    };
    const role = config.name === config.primary ? new PrimaryNode(parts) : await ReplicaNode.create(parts);
    const dumpProgram = dumpProgramOf(binary);
    node = new Node(config, {
      ...{ logger, logFile, tls, audit, events, server, control, role, secret, failed },
      dumpProgram,
    });
    return node;
  }

  private constructor(
    config: NodeConfig,
    parts: {
      logger: Logger;
      logFile: RotatingFile;
      tls: TlsFiles | null;
      audit: AuditTrail;
      events: EventLog;
      server: ManagedServer;
      control: MariadbControl;
      role: RoleNode;
      secret: Buffer;
      failed: AbortController;
      dumpProgram: string;
    },
  ) {
    this.#config = config;
    this.#logger = parts.logger;
    this.#logFile = parts.logFile;
    this.#tls = parts.tls;
    this.#audit = parts.audit;
    this.#events = parts.events;
    this.#server = parts.server;
    this.#control = parts.control;
    this.#role = parts.role;
    this.#failed = parts.failed;
    this.#dumpProgram = parts.dumpProgram;
    const budget = budgetOf(config, parts.logger);
    this.#http = new HttpServer(
      {
        ...config.http,
        consoleDir: config.consoleDirectory ?? consoleFilesDirectory,
        tls: usesTls(config, 'http') ? this.#tls : null,
        stateDir: join(config.directory, 'state'),
        sessionsPerRole: budget.httpSessionsPerRole,
        limits: limitsWithin(budget, config),
        auditStyle: { statements: config.auditStatements, parameters: config.auditParameters },
      },
      { node: this.#view(parts.secret), log: parts.logger.child({ part: 'http' }) },
    );
    const { mysqlPorts } = config;
    this.#mysqlPorts =
      mysqlPorts &&
      new MysqlPorts(
        { ...config, mysqlPorts, mysqlConnectionsMax: budget.mysqlConnectionsMax },
        {
          logger: parts.logger.child({ part: 'mysql' }),
          role: this.#role,
          serverPort: () => this.#server.current?.port ?? null,
          judge: killJudge({
            logger: parts.logger.child({ part: 'mysql' }),
            committingSessions: () => this.#control.committingSessions(),
          }),
          threadsBeforeLogin: () => this.#control.threadsBeforeLogin(),
          waitApplied: (gtid, timeoutMs) => this.#control.waitApplied(gtid, timeoutMs),
          password: accountPassword(parts.secret, 'app'),
        },
      );
    this.#tmpWatch = new TmpWatch(
      { node: config.name, directory: this.#server.tmpDirectory, bytesMax: config.serverTmpBytesMax },
      {
        events: this.#events,
        serverPid: () => this.#server.current?.pid ?? null,
        runningStatements: () => this.#control.runningStatements(),
        killQuery: (queryId) => this.#control.killQuery(queryId),
      },
    );
    this.#timeZones = new OwnTimeZones(this.#control);
    this.#users = new UserKeeper({
      logger: parts.logger.child({ part: 'users' }),
      events: this.#events,
      accounts: this.#control.users,
      cut: (sessions) => this.#mysqlPorts?.cutSessions(sessions) ?? 0,
    });
    this.#role.onChange.on(() => this.#generation.roleChanged(this.#role.isOpen().open));
    this.#tls?.onChange.on(() => void this.#renewServerTls());
    this.#server.up.on((up) => this.#serverUp(up));
    this.#server.down.on(({ reason, expected }) => this.#serverDown(reason, expected));
  }

  /** Aborted with the reason when this process must not go on (rule H12: a failed fsync). */
  get failed(): AbortSignal {
    return this.#failed.signal;
  }

  /** See the heartbeat. */
  get timeZones(): string | null {
    return this.#timeZones.sums;
  }

  get mysqlConnections(): MysqlConnections | null {
    return this.#mysqlPorts?.connections ?? null;
  }

  async start(signal: AbortSignal): Promise<void> {
    this.#tls?.start();
    await this.#http.start();
    await this.#mysqlPorts?.start();
    await this.#role.start();
    await this.#server.start({ signal });
  }

  async stop(): Promise<void> {
    this.#watch?.stop();
    this.#users.stop();
    await this.#mysqlPorts?.stop();
    await this.#http.stop();
    const mustKill = await this.#commitsMayWait();
    await this.#role.stop();
    this.#control.close();
    if (mustKill) await this.#server.kill('the node stops while commits wait for their quorum (rule C1)');
    else await this.#server.stop({ deadlineMs: SERVER_STOP_DEADLINE_MS });
    this.#tls?.stop();
    this.#audit.add({ kind: 'node', action: 'stop' });
    await this.#audit.close();
  }

  /** A shutdown would let waiting commits go as if they were acknowledged. */
  async #commitsMayWait(): Promise<boolean> {
    if (this.#role.role !== 'primary' || !this.#server.current) return false;
    try {
      await this.#control.closeForWrites();
      return false;
    } catch (error) {
      this.#logger.warn({ reason: messageOf(error) }, 'the server could not be closed in order');
      return true;
    }
  }

  #serverUp(up: ServerUp): void {
    this.#generation.serverStarted();
    this.#http.dropSessions();
    this.#events.add(
      'server.up',
      this.#config.name,
      up.adopted ? 'A running server was adopted.' : 'The server was started.',
      {
        pid: up.pid,
        version: up.version,
      },
    );
    this.#timeZones.forget();
    this.#watch?.stop();
    this.#watch = new ServerWatch(
      { intervalMs: this.#config.heartbeatIntervalMs },
      {
        logger: this.#logger.child({ part: 'watch' }),
        control: this.#control,
        role: this.#role,
        upkeep: [() => this.#repairLogins(), () => this.#tmpWatch.look(), () => this.#timeZones.look()],
        busy: () => this.#isBusy(),
      },
    );
    this.#watch.start();
    this.#users.start();
    if (up.adopted) void this.#renewServerTls();
    void this.#takeIntoRole(up);
  }

  /** A server that was adopted may still have a certificate of before. */
  async #renewServerTls(): Promise<void> {
    if (!usesTls(this.#config, 'mysql')) return;
    try {
      if (await this.#server.renewTls()) await this.#control.reloadTls();
      else this.#logger.warn({}, 'the server runs without TLS until its next start');
    } catch (error) {
      this.#logger.error({ reason: messageOf(error) }, 'the server did not load its certificate');
    }
  }

  /** Again and again while this server runs: what failed may have been a moment's fault. */
  async #takeIntoRole(up: ServerUp): Promise<void> {
    let told = '';
    while (this.#server.current?.pid === up.pid) {
      try {
        await this.#role.serverUp(up);
        return;
      } catch (error) {
        if (this.#server.current?.pid !== up.pid) return;
        const reason = `The server could not be taken into its role: ${messageOf(error)}`;
        if (reason !== told) this.#events.add('replication.error', this.#config.name, reason);
        told = reason;
        await sleep(ROLE_RETRY_MS);
      }
    }
  }

  #serverDown(reason: string, expected: boolean): void {
    this.#users.stop();
    this.#watch?.stop();
    this.#watch = null;
    this.#http.dropSessions();
    this.#control.serverDown();
    this.#role.serverDown(reason);
    this.#mysqlPorts?.update();
    this.#events.add('server.down', this.#config.name, reason, { expected });
  }

  #isBusy(): boolean {
    const { committed, applied } = this.#role.heartbeat().positions;
    return this.#role.role === 'replica' && applied < committed;
  }

  #view(secret: Buffer): NodeView {
    const role = this.#role;
    const config = this.#config;
    return {
      name: config.name,
      role: () => role.role,
      epoch: () => role.epoch(),
      isOpen: () => role.isOpen(),
      ready: () => role.ready(),
      clusterStatus: () => role.clusterStatus(),
      acknowledge: () => config.acknowledge,
      primaryHttp: () => (role.role === 'primary' ? httpAddress(config) : config.primaryHttp),
      authority: () => this.#tls?.current.ca,
      server: () => this.#access(secret),
      appliedPosition: () => role.appliedPosition(),
      waitApplied: (position, options) => role.waitApplied(position, options),
      waitCommitted: (gtid, level, options) => role.waitCommitted(gtid, level, options),
      confirmPrimary: (options) => role.confirmPrimary(options),
      levelUsers: () => this.#users.level(),
      events: this.#events.ring,
      audit: {
        add: (fields) => this.#audit.add(fields),
        search: async (filter, count) => {
          await this.#audit.settled();
          return searchTrail(auditDirectory(config), filter, count);
        },
        subscribe: (listener) => this.#audit.onLines.on(listener),
      },
      metrics: () => this.#families(),
      logs: {
        search: (filter, count) => {
          this.#logFile.flush();
          return searchLog(join(config.directory, 'node.log'), filter, count);
        },
        subscribe: (listener) => this.#logFile.onLines.on(listener),
      },
    };
  }

  #families(): MetricFamily[] {
    return [
      ...this.#metrics.families({
        cluster: this.#config.cluster,
        version: this.#version,
        heartbeat: this.#role.heartbeat(),
        open: this.#role.isOpen().open,
        ready: this.#role.ready().ok,
        events: this.#events.counts,
        certificateExpiresAtMs: this.#tls?.current.expiresAtMs ?? null,
      }),
      ...this.#role.metrics(),
      ...(this.#mysqlPorts?.metrics() ?? []),
      ...processMetrics(),
    ];
  }

  #access(secret: Buffer): ServerAccess | null {
    const up = this.#server.current;
    if (!up) return null;
    return {
      socketPath: up.socketPath,
      dumpProgram: this.#dumpProgram,
      generation: this.#generation.name,
      passwordOf: (account) => accountPassword(secret, account),
      userPassword: (user) => userPassword(secret, user),
      loginRefused: () => void this.#repairLogins().catch(() => {}),
    };
  }

  /** A client may have changed the password of the account that it uses: see mysql-control/account-logins.ts. */
  async #repairLogins(): Promise<void> {
    const repaired = await this.#control.repairLogins();
    if (repaired.length === 0) return;
    this.#events.add(
      'accounts.repaired',
      this.#config.name,
      `How ${repaired.join(', ')} log${repaired.length === 1 ? 's' : ''} in had been changed on this server; it is put right.`,
      { accounts: repaired },
    );
  }
}

function auditDirectory({ directory }: NodeConfig): string {
  return join(directory, 'audit');
}

function httpAddress(config: NodeConfig): string {
  return `${usesTls(config, 'http') ? 'https' : 'http'}://${config.http.host}:${config.http.port}`;
}

function mysqlAddresses({ mysqlPorts }: NodeConfig): { mysqlRw: string | null; mysqlRo: string | null } {
  if (!mysqlPorts) return { mysqlRw: null, mysqlRo: null };
  const { host, readWrite, readOnly } = mysqlPorts;
  return { mysqlRw: `${host}:${readWrite}`, mysqlRo: `${host}:${readOnly}` };
}

/** The ports' limits come first, so that clients are told by them, and Skein's own sessions always find room. */
function roomForClients(config: NodeConfig): string[] {
  const ports = config.mysqlPorts ? 2 * config.mysqlConnectionsMax : 0;
  return [`--max-connections=${ports + ROLES * config.httpSessionsPerRole + OWN_SESSIONS_MAX}`];
}

/** A client may ask for less; without a maximum it could ask for more. */
function tmpTableArgs(config: NodeConfig): string[] {
  const bytes = Math.floor(config.serverTmpBytesMax / 2);
  return [`--tmp-disk-table-size=${bytes}`, `--maximum-tmp-disk-table-size=${bytes}`];
}

/** Each has a pool of HTTP's sessions. */
const ROLES = 3;
/** The node's control, what kills sessions, dumps and the server's own threads, with a margin. */
const OWN_SESSIONS_MAX = 200;

/**
 * At the start nobody waits for an acknowledgement: a replica's own threads never may (seen on 10.11: "Waiting for
 * semi-sync ACK from slave" in a worker), and a primary is told to before it opens (waitForAcknowledgements).
 */
const SEMI_SYNC_OFF = '--rpl-semi-sync-master-enabled=0';

/** The system schema, and the first admin token; both only when they are missing. */
async function prepareSystem(control: MariadbControl, config: NodeConfig): Promise<void> {
  const executor = {
    query: (sql: string, params?: readonly (string | number | null)[]) =>
      control.executeOnPrimary(sql, params ?? []),
  };
  await control.requirePrimaryKeys(config.requirePrimaryKey);
  await ensureSystemSchema(executor);
  if (config.adminTokenFile === null) return;
  let token: string;
  try {
    token = (await readFile(config.adminTokenFile, 'utf8')).trim();
  } catch (error) {
    throw new SkeinError(
      'ADMIN_TOKEN_UNREADABLE',
      `Cannot read ${config.adminTokenFile}: ${messageOf(error)}`,
      {
        cause: error,
      },
    );
  }
  await adoptAdminToken(executor, token);
}

function untilAborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}
