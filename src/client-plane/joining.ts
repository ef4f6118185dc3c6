import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { JoiningView } from '../api/node-view.js';
import { installedVersion } from '../config/installation.js';
import type { NodeConfig } from '../config/node-config.js';
import { joinSecretOf } from '../joining/join-token.js';
import type { JoinCertificates, JoinTls } from '../joining/messages.js';
import { certificateHosts, issueCertificate } from '../tls/authority.js';

const ALL_PORTS = ['http', 'link', 'mysql'] as const;

/** What this node has for a machine that joins: the secret, the size of its data, its authority. */
export class PlaneJoining implements JoiningView {
  readonly version = installedVersion();
  readonly secret: string;
  readonly #config: Pick<NodeConfig, 'directory' | 'tls'>;

  constructor({ config, secret }: { config: Pick<NodeConfig, 'directory' | 'tls'>; secret: Buffer }) {
    this.#config = config;
    this.secret = secret.toString();
  }

  tokenSecret(id: string): Buffer {
    return joinSecretOf(Buffer.from(this.secret), id);
  }

  async dataBytes(): Promise<number> {
    const directory = join(this.#config.directory, 'data');
    const entries = await readdir(directory, { recursive: true, withFileTypes: true }).catch(() => []);
    let bytes = 0;
    for (const entry of entries) {
      // The server removes files while we look.
      if (entry.isFile())
        bytes += (await stat(join(entry.parentPath, entry.name)).catch(() => null))?.size ?? 0;
    }
    return bytes;
  }

  async tls(): Promise<JoinTls | null> {
    const { tls } = this.#config;
    if (tls === null) return null;
    return {
      ports: tls.ports ?? ALL_PORTS,
      issues: (tls.caKey ?? null) !== null,
      ca: tls.ca ? await readFile(tls.ca, 'utf8') : null,
    };
  }

  async certificates(member: {
    name: string;
    hosts: readonly string[];
    publicKey: string | null;
  }): Promise<(JoinTls & JoinCertificates) | null> {
    const { tls } = this.#config;
    const use = await this.tls();
    if (tls === null || use === null) return null;
    if (!tls.caKey || use.ca === null || member.publicKey === null) {
      return { ...use, certificate: null, caKey: null };
    }
    const caKey = await readFile(tls.caKey, 'utf8');
    const { name, publicKey } = member;
    const hosts = certificateHosts(member.hosts);
    const certificate = issueCertificate({ certificate: use.ca, key: caKey }, { name, publicKey, hosts });
    return { ...use, certificate, caKey };
  }
}
