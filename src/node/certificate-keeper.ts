import type { NodeConfig } from '../config/node-config.js';
import { messageOf } from '../model/error.js';
import type { MemberPlace } from '../model/members.js';
import type { Logger } from '../std/logger.js';
import { type RenewalPaths, renewCertificate } from '../tls/renewal.js';

/** Clients may use a new member's name as soon as the member is listed. A check reads one small file, so it is cheap. */
const LOOK_MS = 10_000;

export interface CertificateKeeperModules {
  readonly log: Logger;
  /** All members of the cluster, including this node. */
  members(): readonly Pick<MemberPlace, 'link' | 'http'>[];
}

/** Renews this node's certificate when the cluster has its own certificate authority; see tls/renewal.ts. */
export class CertificateKeeper {
  readonly #name: string;
  readonly #paths: RenewalPaths | null;
  readonly #modules: CertificateKeeperModules;
  #timer: NodeJS.Timeout | null = null;
  #loggedReason = '';

  constructor({ name, tls }: Pick<NodeConfig, 'name' | 'tls'>, modules: CertificateKeeperModules) {
    this.#name = name;
    this.#paths = tls?.ca && tls.caKey ? { ...tls, ca: tls.ca, caKey: tls.caKey } : null;
    this.#modules = modules;
  }

  start(): void {
    if (this.#paths === null) return;
    this.#timer ??= setInterval(() => void this.#look(), LOOK_MS);
    this.#timer.unref();
  }

  stop(): void {
    if (this.#timer) clearInterval(this.#timer);
    this.#timer = null;
  }

  async #look(): Promise<void> {
    const { log, members } = this.#modules;
    try {
      const hosts = members().flatMap(({ link, http }) => [link.host, ...hostsOf(http)]);
      // Without the list of members, the names that the certificate needs are not known.
      if (this.#paths === null || hosts.length === 0) return;
      const reason = await renewCertificate(this.#paths, { name: this.#name, hosts });
      if (reason !== null) log.info({ reason }, 'the certificate was renewed');
      this.#loggedReason = '';
    } catch (error) {
      const reason = messageOf(error);
      if (reason !== this.#loggedReason) log.error({ reason }, 'the certificate could not be renewed');
      this.#loggedReason = reason;
    }
  }
}

/** The host of a URL; an IPv6 address comes without its brackets. Empty when the text is no URL. */
function hostsOf(http: string): string[] {
  return URL.canParse(http) ? [new URL(http).hostname.replace(/^\[|\]$/g, '')] : [];
}
