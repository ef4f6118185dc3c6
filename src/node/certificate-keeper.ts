import type { NodeConfig } from '../config/node-config.js';
import { messageOf } from '../model/error.js';
import type { MemberPlace } from '../model/members.js';
import type { Logger } from '../std/logger.js';
import { type RenewalPaths, renewCertificate } from '../tls/renewal.js';

/** A new member's clients may come as soon as it is in the list. Reading one small file costs nothing. */
const LOOK_MS = 10_000;

export interface CertificateKeeperModules {
  readonly log: Logger;
  /** Of the cluster, this node among them. */
  members(): readonly Pick<MemberPlace, 'link' | 'http'>[];
}

/** Renews this node's certificate where the cluster made its own authority; see tls/renewal.ts. */
export class CertificateKeeper {
  readonly #name: string;
  readonly #paths: RenewalPaths | null;
  readonly #modules: CertificateKeeperModules;
  #timer: NodeJS.Timeout | null = null;
  #told = '';

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
    const hosts = members().flatMap(({ link, http }) => [link.host, hostOf(http)]);
    // Before the list is known, nothing is known to be missing.
    if (this.#paths === null || hosts.length === 0) return;
    try {
      const reason = await renewCertificate(this.#paths, { name: this.#name, hosts });
      if (reason !== null) log.info({ reason }, 'the certificate was made anew');
      this.#told = '';
    } catch (error) {
      const reason = messageOf(error);
      if (reason !== this.#told) log.error({ reason }, 'the certificate cannot be made anew');
      this.#told = reason;
    }
  }
}

/** An address of IPv6 without its brackets. */
function hostOf(http: string): string {
  return new URL(http).hostname.replace(/^\[|\]$/g, '');
}
