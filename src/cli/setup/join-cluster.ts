/** The joining machine's side: asks, prepares the directory, becomes a member, and writes the node's files. */
import { join } from 'node:path';
import { writeIdentity } from '../../config/identity.js';
import { installedVersion } from '../../config/installation.js';
import type { NodeConfigInput } from '../../config/node-config.js';
import { Joiner } from '../../joining/exchange.js';
import type { JoinToken } from '../../joining/join-token.js';
import type { JoinOffer, JoinWelcome } from '../../joining/messages.js';
import type { JoinerFacts } from '../../joining/suitability.js';
import { isSkeinError, messageOf, SkeinError } from '../../model/error.js';
import type { ServerBinary } from '../../server-packages/server-binary.js';
import { sleep } from '../../std/timing.js';
import { newKey, publicKeyOf } from '../../tls/authority.js';
import { loadTls } from '../../tls/load.js';
import { LINK_VERSION } from '../../wire/frames.js';
import { askMember } from './ask-member.js';
import { NodeDirectory } from './node-directory.js';
import { FILES, nodeFile } from './node-file.js';
import type { SetupOptions } from './options.js';
import { holdPorts } from './ports.js';

/** Long enough for a primary to restart, or to get its quorum back. */
const AGAIN_FOR_MS = 60_000;
const AGAIN_EVERY_MS = 1_000;
/** Names that the cluster chose and another machine took first. */
const NAMES_MAX = 5;

export interface JoinOptions extends SetupOptions {
  /** Base address of a member's HTTP. */
  readonly member: string;
  readonly token: JoinToken;
  readonly listen: string;
  readonly advertise: string;
  /** Of a witness, which knows no other token: those of the cluster are in the database. Null for any other member. */
  readonly adminToken: string | null;
}

/** Of this machine, for the member that it becomes. */
type OwnServer = Pick<ServerBinary, 'flavour' | 'version'>;

export interface Joined {
  readonly name: string;
  readonly cluster: string;
  readonly configFile: string;
  readonly usesTls: boolean;
}

export interface JoinModules {
  /** Null: this machine is to be a witness. */
  readonly server: OwnServer | null;
  readonly signal: AbortSignal;
}

/**
 * Nothing is changed on either side when this throws, unless the message says otherwise.
 * @throws SkeinError of this machine (DIRECTORY_..., PORT_TAKEN, NODE_UNREACHABLE ...), or with the member's own code
 */
export async function joinCluster(options: JoinOptions, { server, signal }: JoinModules): Promise<Joined> {
  const directory = await NodeDirectory.prepare(options.directory);
  try {
    const held = await holdPorts(options.listen, options.ports);
    try {
      return await new Joining(options, directory, { server, signal }).run();
    } finally {
      await held.release();
    }
  } catch (error) {
    await directory.undo();
    throw error;
  }
}

class Joining {
  readonly #options: JoinOptions;
  readonly #directory: NodeDirectory;
  readonly #server: OwnServer | null;
  readonly #signal: AbortSignal;
  readonly #joiner: Joiner;
  readonly #key = newKey();

  constructor(options: JoinOptions, directory: NodeDirectory, { server, signal }: JoinModules) {
    this.#options = options;
    this.#directory = directory;
    this.#server = server;
    this.#signal = signal;
    this.#joiner = new Joiner(options.token);
  }

  async run(): Promise<Joined> {
    for (let attempt = 1; ; attempt++) {
      const offer = await this.#check();
      try {
        return await this.#write(offer.name, await this.#become(offer));
      } catch (error) {
        const lostName = isSkeinError(error, 'MEMBER_EXISTS') && this.#options.name === null;
        if (!lostName || attempt >= NAMES_MAX) throw error;
      }
    }
  }

  async #check(): Promise<JoinOffer & { address: string }> {
    const { member, name, certificate } = this.#options;
    const { answer, address } = await askMember(member, 'check', await this.#details(name, null), {
      joiner: this.#joiner,
      signal: this.#signal,
    });
    const offer = answer as JoinOffer;
    if (certificate !== null && offer.tls === null) {
      throw new SkeinError('CERTIFICATE_UNUSED', 'The cluster does not use TLS: join without --certificate.');
    }
    if (certificate !== null && offer.tls?.ca) {
      await this.#directory.write(FILES.ca, offer.tls.ca, 0o644);
      loadTls({ ...certificate, ca: join(this.#directory.path, FILES.ca) });
    }
    return { ...offer, address };
  }

  /**
   * Asks again while it is unknown whether the step was done: the member recognises this machine by its key.
   * @throws SkeinError JOIN_UNKNOWN when it stays unknown
   */
  async #become({ name, tls, address }: JoinOffer & { address: string }): Promise<JoinWelcome> {
    const needsCertificate = tls?.issues === true && this.#options.certificate === null;
    const details = await this.#details(name, needsCertificate ? publicKeyOf(this.#key) : null);
    const until = performance.now() + AGAIN_FOR_MS;
    const signal = this.#signal;
    let mayBeMember = false;
    for (;;) {
      try {
        const { answer } = await askMember(address, 'join', details, { joiner: this.#joiner, signal });
        return answer as JoinWelcome;
      } catch (error) {
        const { retryable, applied } = (isSkeinError(error) ? error.data : {}) as Record<string, unknown>;
        if (applied === 'unknown') mayBeMember = true;
        const mayHelp = retryable === true || applied === 'unknown';
        if (mayHelp && performance.now() <= until) await sleep(AGAIN_EVERY_MS, signal).catch(() => {});
        if (mayHelp && performance.now() <= until && !signal.aborted) continue;
        throw mayBeMember ? unknownOutcome(name, error) : error;
      }
    }
  }

  async #details(name: string | null, publicKey: string | null): Promise<JoinerFacts> {
    const server = this.#server && { flavour: this.#server.flavour, version: this.#server.version };
    return {
      name,
      skein: installedVersion(),
      link: LINK_VERSION,
      server,
      host: this.#options.advertise,
      ports: this.#options.ports,
      freeBytes: await this.#directory.freeBytes(),
      publicKey,
      hasCertificate: this.#options.certificate !== null,
    };
  }

  async #write(name: string, welcome: JoinWelcome): Promise<Joined> {
    const { path } = this.#directory;
    try {
      await this.#directory.write(FILES.secret, `${welcome.secret}\n`);
      const tls = await this.#writeTls(welcome.tls);
      await writeIdentity(path, { cluster: welcome.clusterId, founder: false });
      const { listen, advertise, ports, adminToken, server } = this.#options;
      const witness = this.#server === null;
      if (adminToken !== null) await this.#directory.write(FILES.adminToken, `${adminToken}\n`);
      const configFile = await this.#directory.finish(
        nodeFile({
          ...{
            name,
            directory: path,
            listen,
            host: advertise,
            ports,
            tls,
            server,
            hasAdminToken: adminToken !== null,
            witness,
          },
          ...{ cluster: welcome.cluster, acknowledge: welcome.acknowledge, contact: welcome.contact },
        }),
      );
      return { name, cluster: welcome.cluster, configFile, usesTls: welcome.tls !== null };
    } catch (error) {
      throw new SkeinError(
        'JOIN_INCOMPLETE',
        `The cluster has the member ${name} now, but its files could not be written here: ${(error as Error).message}\nCorrect that, remove the member again (skein remove ${name}), and join with a new token.`,
        { cause: error },
      );
    }
  }

  async #writeTls(tls: JoinWelcome['tls']): Promise<NodeConfigInput['tls']> {
    if (tls === null) return null;
    const ports = [...tls.ports];
    if (tls.ca !== null) await this.#directory.write(FILES.ca, tls.ca, 0o644);
    const own = this.#options.certificate;
    if (own !== null || tls.certificate === null) {
      return own && { ...own, ca: tls.ca && FILES.ca, ports };
    }
    await this.#directory.write(FILES.certificate, tls.certificate, 0o644);
    await this.#directory.write(FILES.key, this.#key);
    if (tls.caKey !== null) await this.#directory.write(FILES.caKey, tls.caKey);
    const { certificate, key, ca, caKey } = FILES;
    return { certificate, key, ca, ...(tls.caKey !== null && { caKey }), ports };
  }
}

function unknownOutcome(name: string, cause: unknown): SkeinError {
  return new SkeinError(
    'JOIN_UNKNOWN',
    `${messageOf(cause)}\nThis machine may be the member ${name} of the cluster all the same; nothing was written here. Look there (skein status). If ${name} is listed, remove it (skein remove ${name}). Then join with a new token.`,
    { cause },
  );
}
