import { execFileSync } from 'node:child_process';
import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface Certificate {
  readonly certificate: string;
  readonly key: string;
}

/** Tests that need certificates are left out on a machine that cannot make them. */
export const hasOpenssl = (() => {
  try {
    execFileSync('openssl', ['version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
})();

/** An authority and what it signs, made with the machine's openssl in a directory of the test. */
export class TestAuthority {
  readonly #directory: string;
  readonly #name: string;
  #serial = 1;

  constructor(directory: string, name: string) {
    mkdirSync(directory, { recursive: true });
    this.#directory = directory;
    this.#name = name;
    this.#openssl(
      ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2'],
      ...['-subj', `/CN=${name}`, '-keyout', this.#path('key'), '-out', this.ca],
      ...['-addext', 'keyUsage=critical,keyCertSign,cRLSign'],
    );
  }

  get ca(): string {
    return this.#path('crt');
  }

  /**
   * Signs a certificate for 127.0.0.1 and localhost, in the place of one with this name if there is one.
   * @param days  negative: it has expired
   */
  sign(name: string, options: { days?: number; hosts?: string } = {}): Certificate {
    const { days = 2, hosts = 'IP:127.0.0.1,DNS:localhost' } = options;
    const place = (ending: string) => join(this.#directory, `${name}.${ending}`);
    const [key, request, extensions] = [place('key'), place('csr'), place('ext')];
    writeFileSync(extensions, `subjectAltName=${hosts}\nbasicConstraints=CA:FALSE\n`);
    this.#openssl(
      ...['req', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-subj', `/CN=${name}`],
      ...['-keyout', `${key}.new`, '-out', request],
    );
    this.#openssl(
      ...['x509', '-req', '-in', request, '-CA', this.ca, '-CAkey', this.#path('key')],
      ...['-set_serial', String(++this.#serial), '-days', String(days), '-extfile', extensions],
      ...['-out', `${place('crt')}.new`],
    );
    renameSync(`${key}.new`, key);
    renameSync(`${place('crt')}.new`, place('crt'));
    return { certificate: place('crt'), key };
  }

  #path(ending: string): string {
    return join(this.#directory, `${this.#name}.${ending}`);
  }

  #openssl(...args: string[]): void {
    execFileSync('openssl', args, { stdio: ['ignore', 'ignore', 'pipe'] });
  }
}
