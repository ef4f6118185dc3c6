import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beginBoot } from './config/identity.js';
import { installationDirectory, installedVersion } from './config/installation.js';
import type { NodeConfig } from './config/node-config.js';
import { ownPlace, usesTls } from './config/place.js';
import { EventLog } from './events/event-log.js';
import { flavour } from './flavour/current.js';
import type { LinkListener } from './link/listener.js';
import { messageOf } from './model/error.js';
import { linkText } from './model/members.js';
import type { MysqlConnections } from './model/status.js';
import { accountPassword } from './mysql-control/accounts.js';
import { MariadbControl } from './mysql-control/control.js';
import { AuditRelay } from './node/audit-relay.js';
import { CertificateKeeper } from './node/certificate-keeper.js';
import { ClientPlanes } from './node/client-planes.js';
import { NodeElections } from './node/elections.js';
import { LoadMeter } from './node/load-meter.js';
import { ownServer } from './node/own-server.js';
import { PlanePublisher } from './node/plane-publisher.js';
import { PlaneResponder, type PlaneResponderModules } from './node/plane-responder.js';
import { prepareSystem } from './node/prepare-system.js';
import { nodeRetention } from './node/retention/node-retention.js';
import type { Retention } from './node/retention/retention.js';
import { NodeSeeding } from './node/seeding.js';
import { ownServerArgs } from './node/server-args.js';
import { ServerLife } from './node/server-life.js';
import { startPlaneThread } from './node/start-plane-thread.js';
import { stopStep } from './node/stop-step.js';
import { TmpWatch } from './node/tmp-watch.js';
import { UserKeeper } from './node/user-keeper.js';
import { refuseAsWitness } from './node/witness.js';
import { auditTrailOptions } from './planes/audit-options.js';
import type { ServerPrograms } from './planes/messages.js';
import { ChainFile } from './roles/chain-file.js';
import { FormerRecovery, hasExtra } from './roles/former-recovery.js';
import { foundCluster } from './roles/founding.js';
import { linkListener } from './roles/link-listening.js';
import { Maintenance } from './roles/maintenance.js';
import { OpenMark } from './roles/open-mark.js';
import { openSpool } from './roles/open-spool.js';
import { restoredHistory } from './roles/restored-history.js';
import { RoleHost } from './roles/role-host.js';
import type { NodeParts } from './roles/role-node.js';
import { SessionGeneration } from './roles/session-generation.js';
import { OwnTimeZones } from './roles/time-zones.js';
import { chooseCacheDir } from './server-packages/cache-dir.js';
import { ManagedServer } from './server-process/managed-server.js';
import { recoverPlacing } from './snapshot/place.js';
import type { Spool } from './spool/spool.js';
import { monotonicMs } from './std/clock.js';
import type { Logger } from './std/logger.js';
import type { LineSink } from './std/pino-logger.js';
import type { RotatingFile } from './std/rotating-file.js';
import { StopSignal } from './std/stop-signal.js';
import { untilAborted } from './std/until-aborted.js';
import { TlsFiles } from './tls/tls-files.js';

/**
 * The composition root: builds the rooms of one node in the order in which data flows, runs them until the signal, and
 * closes them in reverse. No other file imports every room.
 */
export async function runNode(
  config: NodeConfig,
  modules: NodeModules & { signal: AbortSignal },
): Promise<void> {
  const node = await Node.create(config, modules);
  try {
    // The start waits for the server, and that may wait for an election. A node that has failed takes part in none.
    await Promise.race([node.start(modules.signal), untilAborted(node.failed)]);
    await untilAborted(AbortSignal.any([modules.signal, node.failed]));
  } catch (error) {
    // A start that is stopped has not failed.
    if (!modules.signal.aborted) throw error;
  } finally {
    // A node that has failed does not stop in order. Its server stays up, and the node's next start adopts it.
    if (!node.failed.aborted) await node.stop({ handsOver: goesAlone(modules.signal) });
    else node.abandon();
  }
  node.failed.throwIfAborted();
}

/**
 * `sink` takes lines of the log and writes them to `logFile`, which then calls its listeners. `diskWrites` grows every second
 * while the disk of the node's directory takes writes.
 */
interface NodeModules {
  readonly logger: Logger;
  readonly logFile: RotatingFile;
  readonly sink: LineSink;
  diskWrites(): number;
}

/** A server without waiting commits ends in about two seconds. After this time the node stops waiting for it. */
const SERVER_STOP_DEADLINE_MS = 20_000;

class Node {
  readonly #config: NodeConfig;
  readonly #logger: Logger;
  readonly #logFile: RotatingFile;
  readonly #sink: LineSink;
  readonly #secret: Buffer;
  readonly #clusterId: string;
  readonly #tls: TlsFiles | null;
  readonly #certificate: CertificateKeeper;
  readonly #audit: AuditRelay;
  readonly #events: EventLog;
  readonly #server: ManagedServer;
  readonly #control: MariadbControl;
  readonly #role: RoleHost;
  readonly #listener: LinkListener;
  readonly #spool: Spool;
  readonly #responder: PlaneResponder;
  readonly #publisher: PlanePublisher;
  readonly #clients: ClientPlanes;
  readonly retention: Retention;
  readonly #timeZones: OwnTimeZones;
  readonly #users: UserKeeper;
  readonly #failed: AbortController;
  readonly #seeding: NodeSeeding;
  readonly #elections: NodeElections;
  readonly #maintenance: Maintenance;
  readonly #version = installedVersion();
  readonly #generation = new SessionGeneration();
  readonly #life: ServerLife;

  static async create(config: NodeConfig, { logger, logFile, sink, diskWrites }: NodeModules): Promise<Node> {
    const stateDir = join(config.directory, 'state');
    const tls =
      config.tls &&
      new TlsFiles({ ...config.tls, ca: config.tls.ca ?? null }, { log: logger.child({ part: 'tls' }) });
    const identity = await beginBoot(config.directory);
    refuseAsWitness(config, identity);
    await mkdir(stateDir, { recursive: true });
    const secret = Buffer.from((await readFile(config.secretFile, 'utf8')).trim());
    const chainFile = new ChainFile(stateDir);
    await chainFile.load();
    const placed = await recoverPlacing(config.directory, { logger: logger.child({ part: 'snapshot' }) });
    const cacheDir = await chooseCacheDir({ projectDir: installationDirectory });
    const binary = await ownServer(config, { cacheDir }, { logger: logger.child({ part: 'obtain' }) });
    const server = new ManagedServer(
      {
        directory: config.directory,
        secret,
        bufferPoolBytes: config.serverBufferPoolBytes,
        ...(config.serverPort === null ? {} : { port: config.serverPort }),
        extraArgs: ownServerArgs(config, flavour, binary.version),
        ...(tls && usesTls(config, 'mysql') && { tls: () => tls.current }),
        hangMs: config.serverHangMs,
        // What the primary's server logs. A replica's server may have nothing to do.
        progress: () => (role.role === 'primary' ? role.positions().received : 0),
        // A replica whose disk hangs delays nobody, and its server may be read.
        diskWrites: () => (role.role === 'primary' ? diskWrites() : null),
        recoverAs: (stopped) => recovery.recoverAs(stopped),
        recoveryServerId: () =>
          role.role === 'primary' ? recovery.epochServerId() : flavour.recoveryServerId,
      },
      { binary, program: flavour.program, cacheDir, logger: logger.child({ part: 'server' }) },
    );
    const recovery = new FormerRecovery({
      parts: () => parts,
      isDecided: () => role.scope.isDecided,
      hasExtra: () => hasExtra(server.dataDir, parts),
      keepExtra: (reason, signal) => seeding.keepExtra(reason, signal),
    });
    server.up.on(() => recovery.started());
    const audit = new AuditRelay();
    audit.add({ kind: 'node', action: 'start', pid: process.pid, version: installedVersion() });
    const events = new EventLog({ node: config.name }, { logger: logger.child({ part: 'events' }), audit });
    const control = new MariadbControl(
      { secret },
      { socketPath: () => server.current?.socketPath ?? null, flavour },
    );
    const failed = new AbortController();
    let node: Node | null = null;
    const seeding: NodeSeeding = new NodeSeeding(config, {
      ...{ binary, cacheDir, server, control, logger, events, placed, flavour },
      ...{ parts: () => parts, role: () => role },
    });
    const { spool, fsyncTimes } = await openSpool(config, { logger, flavour, events, chainFile });
    const load = new LoadMeter({
      nowMs: monotonicMs,
      serverPid: () => server.current?.pid ?? null,
      spoolBytes: () => spool.files.bytes,
      commitWaits: () => role.commitWaits?.() ?? null,
    });
    const openMark = new OpenMark(stateDir);
    await openMark.load();
    const maintenance = new Maintenance(stateDir);
    await maintenance.load();
    const place = ownPlace(config);
    const { directory } = config;
    await foundCluster(
      { directory, identity, place, restored: restoredHistory(placed?.about) },
      { logger, chainFile, spool, flavour },
    );
    const parts: NodeParts = {
      config,
      secret,
      clusterId: identity.cluster,
      place,
      boot: identity.boot,
      linkTls: usesTls(config, 'link') ? tls : null,
      logger,
      flavour,
      ...{ chainFile, openMark, maintenance, spool, fsyncTimes },
      get election() {
        return elections.port;
      },
      events,
      seeding: seeding.seeder,
      seedRequested: (session) => void seeding.donor.serve(session),
      control: () => control,
      kill: (reason) => {
        // The ports have forwarded nothing since the role closed (see Gate), so the kill need not wait until they are cut.
        void node?.cutClients();
        return server.kill(reason, { restart: true });
      },
      serverSilence: () => server.silence,
      cutClients: async () => node?.cutClients(),
      newServerId: () => server.newClosedId(),
      crashHandled: () => server.settled(),
      fail: (error) => failed.abort(error),
      prepareSystem: () => prepareSystem(control, config),
      passwordOf: (account) => accountPassword(secret, account),
      logWarnings: () => node?.retention.warnings ?? [],
      heartbeatBase: () => ({
        node: config.name,
        http: place.http,
        link: linkText(place.link),
        mysqlRw: place.mysqlRw,
        mysqlRo: place.mysqlRo,
        mysqlConnections: node?.mysqlConnections ?? null,
        pid: process.pid,
        server: {
          flavour: config.witness ? null : binary.flavour,
          version: config.witness ? null : (server.current?.version ?? binary.version),
          pid: server.current?.pid ?? null,
          up: server.current !== null,
        },
        timeZones: node?.timeZones ?? null,
        log: node?.retention.status ?? null,
        load: load.current,
        maintenance: maintenance.isOn,
      }),
    };
    const role: RoleHost = new RoleHost(parts);
    const elections: NodeElections = new NodeElections(parts, role, {
      sendOnAccepted: (to, message) => listener.sendElection(to, message),
      lookAtServer: () => node?.lookAtServer(),
    });
    const listener: LinkListener = linkListener(parts, role, elections);
    node = new Node(config, {
      ...{ logger, logFile, sink, tls, audit, events, server, control, role, secret, failed, chainFile },
      ...{ seeding, listener, spool, elections, maintenance },
      programs: { binary, cacheDir },
      clusterId: identity.cluster,
    });
    return node;
  }

  private constructor(
    config: NodeConfig,
    parts: {
      logger: Logger;
      logFile: RotatingFile;
      sink: LineSink;
      tls: TlsFiles | null;
      audit: AuditRelay;
      events: EventLog;
      server: ManagedServer;
      control: MariadbControl;
      role: RoleHost;
      listener: LinkListener;
      spool: Spool;
      secret: Buffer;
      clusterId: string;
      failed: AbortController;
      programs: ServerPrograms;
      chainFile: ChainFile;
      seeding: NodeSeeding;
      elections: NodeElections;
      maintenance: Maintenance;
    },
  ) {
    this.#elections = parts.elections;
    this.#maintenance = parts.maintenance;
    this.#config = config;
    this.#logger = parts.logger;
    this.#logFile = parts.logFile;
    this.#sink = parts.sink;
    this.#secret = parts.secret;
    this.#clusterId = parts.clusterId;
    this.#tls = parts.tls;
    this.#audit = parts.audit;
    this.#events = parts.events;
    this.#server = parts.server;
    this.#control = parts.control;
    this.#role = parts.role;
    this.#listener = parts.listener;
    this.#spool = parts.spool;
    this.#failed = parts.failed;
    this.#seeding = parts.seeding;
    this.#responder = new PlaneResponder(
      { config, version: this.#version },
      {
        role: this.#role,
        events: this.#events,
        elected: electedView(parts.elections),
        server: () => this.#server.current,
        generation: () => this.#generation.number,
        reconcileUsers: () => this.#users.reconcile(),
        flushLog: () => this.#logFile.flush(),
        setMaintenance: (on) => this.#maintenance.set(on),
        switchover: (order) => this.#elections.switchover(order),
        promote: (order) => this.#elections.promote(order),
        mysqlFigures: () => this.#clients.mysqlFigures(),
        certificateExpiresAtMs: () => this.#tls?.current.expiresAtMs ?? null,
        seedBytesSent: () => this.#seeding.donor.bytesSent,
      },
    );
    this.#publisher = new PlanePublisher({
      role: this.#role,
      chain: () => parts.chainFile.chain,
      generation: () => (this.#server.current ? this.#generation.number : null),
      facts: () => this.#responder.facts(),
    });
    this.#clients = this.#clientPlanes(parts.programs);
    this.retention = nodeRetention(config, {
      ...{ logger: this.#logger, events: this.#events, control: this.#control },
      ...{ server: this.#server, role: this.#role, flavour },
      changed: () => this.#listener.announceStatus(),
    });
    this.#timeZones = new OwnTimeZones(this.#control);
    this.#users = new UserKeeper({
      logger: parts.logger.child({ part: 'users' }),
      events: this.#events,
      accounts: this.#control.users,
      cut: (sessions) => this.#clients.cutSessions(sessions),
    });
    this.#role.onMoved.on(() => this.#publisher.moved());
    this.#role.onChange.on(() => {
      this.#generation.roleChanged(this.#role.isOpen().open);
      this.#publisher.publish();
    });
    parts.elections.primary.onChange.on(() => this.#publisher.publish());
    this.#certificate = new CertificateKeeper(config, {
      log: parts.logger.child({ part: 'tls' }),
      members: () => this.#role.members().members,
    });
    this.#tls?.onChange.on(() => void this.#renewTls());
    this.#life = new ServerLife(config, {
      ...{ logger: this.#logger, events: this.#events, server: this.#server, control: this.#control },
      ...{ role: this.#role, generation: this.#generation, seeding: this.#seeding },
      ...{ publisher: this.#publisher, clients: this.#clients, timeZones: this.#timeZones },
      users: this.#users,
      tmpWatch: new TmpWatch(
        { node: config.name, directory: this.#server.tmpDirectory, bytesMax: config.serverTmpBytesMax },
        {
          events: this.#events,
          serverPid: () => this.#server.current?.pid ?? null,
          runningStatements: () => this.#control.runningStatements(),
          killQuery: (queryId) => this.#control.killQuery(queryId),
        },
      ),
    });
  }

  /** Aborted with the reason when this process must end (rule H12: a failed fsync). */
  get failed(): AbortSignal {
    return this.#failed.signal;
  }

  /** Checksums of the server's time zones, for the heartbeats; null = not known yet. */
  get timeZones(): string | null {
    return this.#timeZones.sums;
  }

  get mysqlConnections(): MysqlConnections | null {
    return this.#clients.mysqlConnections;
  }

  async start(signal: AbortSignal): Promise<void> {
    this.#tls?.start();
    this.#certificate.start();
    await this.#clients.start();
    await this.#seeding.resume();
    await this.#role.start();
    await this.#listener.start();
    await this.#elections.start();
    if (!this.#config.witness) await this.#seeding.startServer(signal);
    this.retention.start();
  }

  /** `handsOver`: a primary lets another node take over first. */
  async stop({ handsOver }: { handsOver: boolean }): Promise<void> {
    const step = <T>(what: string, done: Promise<T>) => stopStep(what, done, this.#logger);
    if (handsOver) await step('switchover', this.#elections.leave());
    this.#life.stopWatch();
    await step('seeding', this.#seeding.stop());
    this.#users.stop();
    await step('client ports', this.#clients.stop());
    await step('retention', this.retention.stop());
    const mustKill = await step('close for writes', this.#commitsMayWait());
    await step('elections', this.#elections.stop());
    await step('role', this.#role.stop());
    await step('links', this.#listener.stop());
    await step('spool', this.#spool.close());
    this.#control.close();
    await step('server', this.#endServer(mustKill));
    this.#certificate.stop();
    this.#tls?.stop();
    this.#responder.stop();
    this.#audit.add({ kind: 'node', action: 'stop' });
    const trail = await step('audit log', this.#clients.end());
    if (trail === 'stuck') this.#logger.error({}, 'the HTTP plane does not end; audit lines may be lost');
    // If the HTTP plane ended before it wrote all lines, the main thread writes the rest.
    if (trail !== 'not written') return;
    await this.#audit.writeKept(auditTrailOptions(this.#config, this.#secret), {
      log: this.#logger.child({ part: 'audit' }),
    });
  }

  async #endServer(mustKill: boolean): Promise<void> {
    if (mustKill) await this.#server.kill('the node stops while commits wait for their quorum (rule C1)');
    else await this.#server.stop({ deadlineMs: SERVER_STOP_DEADLINE_MS });
  }

  /** Ends the client planes at once. The process ends without further steps. */
  abandon(): void {
    this.#clients.abandon();
  }

  /** Somebody waits for what the server has applied. */
  lookAtServer(): void {
    this.#life.lookNow();
  }

  /** Resolves when the connections of clients that a closed role served are cut: see ClientPlaneHost. */
  cutClients(): Promise<void> {
    return this.#clients.cut();
  }

  /** True when the server must be killed: a shutdown would answer waiting commits as if a quorum had acknowledged them. */
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

  #renewTls(): Promise<void> {
    if (this.#tls) this.#clients.renewTls(this.#tls.current);
    return this.#life.renewTls();
  }

  #clientPlanes(server: ServerPrograms): ClientPlanes {
    return new ClientPlanes(
      { config: this.#config, clusterId: this.#clusterId, secret: this.#secret, server },
      {
        logger: this.#logger,
        publisher: this.#publisher,
        events: this.#events,
        audit: this.#audit,
        log: {
          write: (lines, urgent) => {
            for (const line of lines) this.#sink.write(line, { urgent: false });
            if (urgent) this.#logFile.flush();
          },
          follow: (listener) => this.#logFile.onLines.on(listener),
        },
        startThread: startPlaneThread,
        tls: () => this.#tls?.current ?? null,
        answer: (what, input) => this.#responder.answer(what, input),
        readNow: () => this.#role.readNow(),
        loginRefused: () => void this.#life.repairLogins().catch(() => {}),
      },
    );
  }
}

/** SIGINT stops all nodes of a cluster, as Ctrl-C in a terminal does. Whatever else stops a node, others go on. */
function goesAlone({ reason }: AbortSignal): boolean {
  return !(reason instanceof StopSignal && reason.signal === 'SIGINT');
}

function electedView({ primary, port }: NodeElections): PlaneResponderModules['elected'] {
  return { primary: () => primary.current, failover: () => port.failover() };
}
