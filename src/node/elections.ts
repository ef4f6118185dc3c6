import { join } from 'node:path';
import { ElectionDriver } from '../election/driver.js';
import { KnownPrimary } from '../election/known-primary.js';
import { promiseFile } from '../election/promise.js';
import { VoterLinks } from '../link/voter-links.js';
import { cutFor, listedNames } from '../model/chain.js';
import type { ElectionMessage } from '../model/election-messages.js';
import { messageOf, SkeinError } from '../model/error.js';
import type { ListedMember } from '../model/members.js';
import type { Promotion, PromotionOrder } from '../model/promotion.js';
import type { Switchover, SwitchoverOrder } from '../model/switchover.js';
import { ElectedRoles } from '../roles/elected-roles.js';
import { linkSettings } from '../roles/link-settings.js';
import { isOnlyVoter } from '../roles/only-voter.js';
import type { RoleHost } from '../roles/role-host.js';
import type { ElectionPort, NodeParts } from '../roles/role-node.js';
import { Promoting } from './promoting.js';
import { Switching } from './switching.js';

/** Who waits for a node to stop waits some seconds longer for its server anyway. */
const LEAVE_MAX_MS = 3_000;

/** Connects the election to the node: its links to the other members, its files, and the roles that do what it wants. */
export class NodeElections {
  readonly port: ElectionPort;
  readonly primary: KnownPrimary;
  readonly #driver: ElectionDriver;
  readonly #links: VoterLinks;
  readonly #roles: ElectedRoles;
  readonly #switching: Switching;
  readonly #promoting: Promoting;
  readonly #stopped = new AbortController();
  readonly #off: (() => void)[] = [];
  readonly #parts: NodeParts;
  readonly #lookAtServer: () => void;
  #hasBegun = false;

  /**
   * `sendOnAccepted`: sends on the connection that this member dialled; false = there is none. `lookAtServer`: reads what the
   * server has applied.
   */
  constructor(
    parts: NodeParts,
    host: RoleHost,
    around: {
      sendOnAccepted(to: string, message: ElectionMessage): boolean;
      lookAtServer(): void;
    },
  ) {
    const { sendOnAccepted, lookAtServer } = around;
    this.#parts = parts;
    this.#lookAtServer = lookAtServer;
    const { config, logger, events, chainFile, spool, boot } = parts;
    const log = logger.child({ part: 'election' });
    const roles = new ElectedRoles(parts, host);
    const stateDirectory = join(config.directory, 'state');
    const driver: ElectionDriver = new ElectionDriver(
      { node: config.name, incarnation: spool.incarnation, boot, stateDirectory },
      {
        ...{ logger: log, events, chainFile },
        promiseFile: promiseFile(stateDirectory),
        links: { send: (to, message) => void links.send(to, message) },
        actions: roles,
        facts: roles,
        fail: (error) => parts.fail(failed(error)),
      },
    );
    const links: VoterLinks = new VoterLinks(
      { ...linkSettings(parts), incarnation: spool.incarnation },
      {
        logger: log,
        peers: () => peersOf(chainFile.chain, config),
        message: (from, message) => this.message(from, message),
        sendOnAccepted,
        closed: (peer, isRefused) => {
          this.primary.linkEnded(peer);
          driver.linkClosed(peer, isRefused);
        },
      },
    );
    this.primary = new KnownPrimary(config.name);
    this.#driver = driver;
    this.#links = links;
    this.#roles = roles;
    this.#switching = new Switching(config.name, { driver, host });
    this.#promoting = new Promoting(config, { driver, host, events });
    this.port = {
      get chain() {
        return driver.chain;
      },
      isLevel: () => void this.#begin(),
      isCurrent: (epoch) => roles.isCurrent(epoch),
      chainFollowed: (chain) => driver.chainFollowed(chain),
      adopted: (member) => driver.adopted(member),
      changeMembers: (members, end) => driver.changeMembers(members, end),
      served: (epoch) => driver.served(epoch),
      failover: () => driver.failover(),
      removal: () => driver.removal(),
    };
    this.#off.push(
      driver.onChange.on(() => this.primary.roleChanged(driver.role)),
      host.onChange.on(() => driver.fitnessChanged()),
      parts.seeding.onChange.on(() => driver.fitnessChanged()),
      parts.maintenance.onChange.on(() => driver.fitnessChanged()),
      chainFile.onChange.on(() => links.peersChanged()),
    );
  }

  /** A message of another member, on whichever connection. */
  message(from: string, message: ElectionMessage): void {
    this.primary.heard(from);
    this.#driver.message(from, message);
    // A primary that hands over sends many, and waits until one is answered with the end of its log.
    if (message.kind === 'heartbeat' && this.#roles.applied() < this.#roles.log().ordinal)
      this.#lookAtServer();
  }

  /** @throws SkeinError, see Switching */
  switchover(order: SwitchoverOrder): Promise<Switchover> {
    return this.#switching.order(order, this.#stopped.signal);
  }

  /** @throws SkeinError, see Promoting */
  async promote(order: PromotionOrder): Promise<Promotion> {
    const { name, witness } = this.#parts.config;
    if (witness)
      throw new SkeinError(
        'FORCE_IMPOSSIBLE',
        `${name} is a witness: it has no server, so it cannot be the primary. Give the order to a node with a server.`,
      );
    return this.#promoting.order(order, this.#stopped.signal);
  }

  /**
   * This node stops, and the others go on. Resolves when another node is the primary, or none could take over in time; never
   * rejects.
   */
  async leave(): Promise<void> {
    if (this.#driver.role.kind !== 'leader') return;
    try {
      await this.#switching.order({ to: null, dryRun: false }, AbortSignal.timeout(LEAVE_MAX_MS));
    } catch (error) {
      this.#parts.logger.warn(
        { reason: messageOf(error) },
        'this node stops as the primary: no other node has taken over',
      );
    }
  }

  async start(): Promise<void> {
    // Nobody else can be elected meanwhile.
    if (!isOnlyVoter(this.#parts) || this.#parts.openMark.epoch === null) await this.#begin();
    this.#links.start();
  }

  async #begin(): Promise<void> {
    if (this.#hasBegun) return;
    this.#hasBegun = true;
    await this.#cutLog();
    await this.#driver.start().catch((error: unknown) => this.#parts.fail(failed(error)));
  }

  /** A crash may have left a chain that was written, and a log that was not cut to it (rule E13). */
  async #cutLog(): Promise<void> {
    const { spool, chainFile } = this.#parts;
    if (spool.damage !== null) return;
    for (let cut = cutFor(chainFile.chain, spool.end); cut; cut = cutFor(chainFile.chain, cut))
      await spool.cut(cut);
  }

  async stop(): Promise<void> {
    this.#stopped.abort(new SkeinError('NOT_PRIMARY', 'This node stops.'));
    for (const off of this.#off) off();
    await this.#driver.stop();
    await this.#links.stop();
    await this.#roles.idle();
  }
}

/** The other members of the lists that count, at the addresses where this node reaches them. */
function peersOf(chain: ElectionPort['chain'], { name: own, routes }: NodeParts['config']) {
  const lists = chain.flatMap(({ members }) => members ?? []);
  return listedNames(chain).flatMap((name) => {
    const member: ListedMember | undefined = lists.findLast((each) => each.name === name);
    return name === own || !member ? [] : [{ name, link: routes[name] ?? member.link }];
  });
}

function failed(error: unknown): SkeinError {
  return new SkeinError(
    'ELECTION_FAILED',
    `What the election decided could not be done: ${messageOf(error)}`,
    {
      cause: error,
    },
  );
}
