import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import http from 'node:http';
import https from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TLSSocket } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hasOpenssl, TestAuthority } from '../../test/kit/certificates.js';
import { HonestNode } from '../../test/kit/honest-node.js';
import { until } from '../../test/kit/until.js';
import type { ManagedServer } from '../server-process/managed-server.js';
import { silentLogger } from '../std/logger.js';
import { TlsFiles } from '../tls/tls-files.js';
import { HttpServer } from './server.js';

describe.skipIf(!hasOpenssl)('HTTPS', () => {
  const directory = mkdtempSync(join(tmpdir(), 'skein-https-'));
  let authority: TestAuthority;
  let ca: string;
  let tls: TlsFiles;
  let server: HttpServer;
  let port: number;

  beforeAll(async () => {
    authority = new TestAuthority(directory, 'authority');
    ca = readFileSync(authority.ca, 'utf8');
    tls = new TlsFiles({ ...authority.sign('node'), ca: authority.ca }, { log: silentLogger });
    tls.start();
    const noServer = { current: null } as ManagedServer;
    const options = {
      name: 'n1',
      role: 'primary',
      secret: Buffer.alloc(32),
      primaryHttp: () => null,
    } as const;
    server = new HttpServer(
      { host: '127.0.0.1', port: 0, consoleDir: null, tls },
      { node: new HonestNode(options, noServer), log: silentLogger },
    );
    ({ port } = await server.start());
  });

  afterAll(async () => {
    tls?.stop();
    await server?.stop();
    rmSync(directory, { recursive: true, force: true });
  });

  /** Status and the serial number of the certificate that was shown. */
  const get = (options: https.RequestOptions, agent: typeof http | typeof https = https) =>
    new Promise<{ status: number; serial: string }>((resolve, reject) => {
      const request = agent.get(
        { host: '127.0.0.1', port, path: '/health', agent: false, ...options },
        (answer: IncomingMessage) => {
          const serial = (answer.socket as TLSSocket).getPeerCertificate?.().serialNumber ?? '';
          answer.resume().once('end', () => resolve({ status: answer.statusCode ?? 0, serial }));
        },
      );
      request.once('error', reject);
    });

  it('answers whoever trusts its authority, and shows no other certificate', async () => {
    expect((await get({ ca })).status).toBe(200);
    const other = new TestAuthority(directory, 'other');
    await expect(get({ ca: readFileSync(other.ca, 'utf8') })).rejects.toThrow(/certificate/);
    await expect(get({ ca, servername: 'elsewhere' })).rejects.toThrow(/elsewhere/);
  });

  it('answers nothing over plain HTTP', async () => {
    await expect(get({}, http)).rejects.toThrow();
  });

  it('shows a new certificate without a restart', async () => {
    const { serial } = await get({ ca });
    authority.sign('node');
    await until('the new one is shown', async () => (await get({ ca })).serial !== serial);
  });
});
