import type { NodeConfig } from '../config/node-config.js';
import { usesTls } from '../config/place.js';
import type { EventLog } from '../events/event-log.js';
import { messageOf } from '../model/error.js';
import type { MariadbControl } from '../mysql-control/control.js';
import type { RoleHost } from '../roles/role-host.js';
import type { SessionGeneration } from '../roles/session-generation.js';
import type { OwnTimeZones } from '../roles/time-zones.js';
import type { ManagedServer, ServerDown, ServerUp } from '../server-process/managed-server.js';
import type { Logger } from '../std/logger.js';
import type { ClientPlanes } from './client-planes.js';
import type { PlanePublisher } from './plane-publisher.js';
import { repairLogins } from './repair-logins.js';
import type { NodeSeeding } from './seeding.js';
import type { TmpWatch } from './tmp-watch.js';
import type { UserKeeper } from './user-keeper.js';
import { ServerWatch } from './watch.js';

export interface ServerLifeModules {
  readonly logger: Logger;
  readonly events: EventLog;
  readonly server: ManagedServer;
  readonly control: MariadbControl;
  readonly role: RoleHost;
  readonly generation: SessionGeneration;
  readonly seeding: NodeSeeding;
  readonly publisher: PlanePublisher;
  readonly clients: ClientPlanes;
  readonly timeZones: OwnTimeZones;
  readonly tmpWatch: TmpWatch;
  readonly users: UserKeeper;
}

/** What the node does each time its server starts or ends: tells the parts in order, and polls the server in between. */
export class ServerLife {
  readonly #config: NodeConfig;
  readonly #modules: ServerLifeModules;
  #watch: ServerWatch | null = null;

  constructor(config: NodeConfig, modules: ServerLifeModules) {
    this.#config = config;
    this.#modules = modules;
    modules.server.up.on((up) => this.#up(up));
    modules.server.down.on((down) => this.#down(down));
    modules.server.hung.on((hung) => this.#hung(hung));
    modules.server.onSilence.on(() => {
      modules.role.onChange.emit();
      modules.role.onStatus.emit();
    });
  }

  /** Stops polling the server. */
  stopWatch(): void {
    this.#watch?.stop();
    this.#watch = null;
  }

  /** Somebody waits for what the server has applied. */
  lookNow(): void {
    this.#watch?.lookNow();
  }

  #up(up: ServerUp): void {
    const { generation, seeding, publisher, events, timeZones, users } = this.#modules;
    generation.serverStarted();
    seeding.serverUp();
    publisher.publish();
    events.add(
      'server.up',
      this.#config.name,
      up.adopted ? 'A running server was adopted.' : 'The server was started.',
      {
        pid: up.pid,
        version: up.version,
      },
    );
    timeZones.forget();
    this.#startWatch();
    users.start();
    if (up.adopted) void this.renewTls();
    void this.#takeIntoRole(up);
  }

  #startWatch(): void {
    const { logger, control, role, tmpWatch, timeZones, seeding } = this.#modules;
    this.#watch?.stop();
    this.#watch = new ServerWatch(
      { intervalMs: this.#config.heartbeatIntervalMs },
      {
        logger: logger.child({ part: 'watch' }),
        control,
        role,
        upkeep: [
          () => this.repairLogins(),
          () => tmpWatch.look(),
          () => timeZones.look(),
          () => seeding.lookAtLog(),
        ],
        busy: () => this.#isBusy(),
      },
    );
    this.#watch.start();
  }

  /** Gives the server the current certificate. An adopted server may have an older one. */
  async renewTls(): Promise<void> {
    if (!usesTls(this.#config, 'mysql')) return;
    const { server, control, logger } = this.#modules;
    try {
      if (await server.renewTls()) await control.reloadTls();
      else logger.warn({}, 'the server runs without TLS until its next start');
    } catch (error) {
      logger.error({ reason: messageOf(error) }, 'the server did not load its certificate');
    }
  }

  /** The role gets the server only after the connections to the server's previous run are cut (rule M4). */
  async #takeIntoRole(up: ServerUp): Promise<void> {
    const { clients, server, seeding, role } = this.#modules;
    await clients.cut();
    const isRunning = () => server.current?.pid === up.pid;
    if (await seeding.settle(isRunning)) role.serverUp(up);
  }

  #down({ reason, expected, ...end }: ServerDown): void {
    const { seeding, events } = this.#modules;
    seeding.serverDown({ reason, expected, ...end });
    this.#leave(reason);
    events.add('server.down', this.#config.name, reason, { expected });
  }

  /**
   * Nobody waits for the end of its process, which may wait for a disk: after SIGKILL it executes nothing any more, so it answers
   * no client (rule C1), and another node can take over.
   */
  #hung({ pid, reason }: { pid: number; reason: string }): void {
    const { clients, events } = this.#modules;
    events.add(
      'server.hung',
      this.#config.name,
      `The node kills the server and starts it again: ${reason}.`,
      { pid },
    );
    this.#leave(`The server was killed, because ${reason}.`);
    void clients.cut();
  }

  #leave(reason: string): void {
    const { users, control, role, publisher } = this.#modules;
    users.stop();
    this.stopWatch();
    control.serverDown();
    role.serverDown(reason);
    publisher.publish();
  }

  #isBusy(): boolean {
    const { role } = this.#modules;
    const { committed, applied } = role.heartbeat().positions;
    return role.role === 'replica' && applied < committed;
  }

  repairLogins(): Promise<void> {
    const { control, events } = this.#modules;
    return repairLogins({ node: this.#config.name }, { control, events });
  }
}
