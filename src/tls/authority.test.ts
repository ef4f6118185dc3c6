import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, createServer } from 'node:tls';
import { afterAll, describe, expect, it } from 'vitest';
import { hasOpenssl } from '../../test/kit/certificates.js';
import { issueCertificate, newAuthority, newKey, publicKeyOf } from './authority.js';
import { loadTls } from './load.js';

const directory = mkdtempSync(join(tmpdir(), 'skein-authority-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const DAY_MS = 24 * 3600 * 1000;
const authority = newAuthority('Skein shop');
const key = newKey();
const hosts = ['127.0.0.1', 'db2.example', '2001:db8::7', '::1', '10.0.0.2'];
const certificate = issueCertificate(authority, { name: 'n2', publicKey: publicKeyOf(key), hosts });

describe('a certificate of the authority', () => {
  const parsed = new X509Certificate(certificate);

  it('has the name and the hosts of its node', () => {
    expect(parsed.subject).toBe('CN=n2');
    expect(parsed.issuer).toBe('CN=Skein shop');
    for (const host of ['127.0.0.1', '2001:db8::7', '::1', '10.0.0.2'])
      expect(parsed.checkIP(host)).toBe(host);
    expect(parsed.checkHost('db2.example')).toBe('db2.example');
    expect(parsed.checkIP('10.0.0.3')).toBeUndefined();
    expect(parsed.ca).toBe(false);
    expect(parsed.keyUsage).toEqual(['1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.2']);
  });

  it('is taken by a machine whose clock is some hours behind, and for two years', () => {
    expect(Date.parse(parsed.validFrom)).toBeLessThan(Date.now() - DAY_MS / 2);
    expect(Date.parse(parsed.validTo)).toBeGreaterThan(Date.now() + 800 * DAY_MS);
  });

  it('is what a node loads', () => {
    const paths = {
      certificate: join(directory, 'n.crt'),
      key: join(directory, 'n.key'),
      ca: join(directory, 'ca.crt'),
    };
    writeFileSync(paths.certificate, certificate);
    writeFileSync(paths.key, key);
    writeFileSync(paths.ca, authority.certificate);
    expect(loadTls(paths).subject).toBe('CN=n2');
    writeFileSync(paths.ca, newAuthority('Skein shop').certificate);
    expect(() => loadTls(paths)).toThrow(expect.objectContaining({ code: 'TLS_CA_MISMATCH' }));
  });

  it('lets two ends talk that know the authority, and nobody else', async () => {
    const identity = { cert: certificate, key, ca: authority.certificate };
    const server = createServer({ ...identity, requestCert: true, rejectUnauthorized: true }, (socket) =>
      socket.end('hello'),
    );
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
    const { port } = server.address() as { port: number };
    const read = (options: object) =>
      new Promise<string>((resolve, reject) => {
        let text = '';
        connect({ host: '127.0.0.1', port, ...options })
          .on('data', (data) => {
            text += data;
          })
          .on('end', () => resolve(text))
          .on('error', reject);
      });
    try {
      expect(await read(identity)).toBe('hello');
      await expect(read({ ...identity, ca: newAuthority('Skein shop').certificate })).rejects.toThrow();
      const stranger = newAuthority('Skein shop');
      const strangersKey = newKey();
      const cert = issueCertificate(stranger, { name: 'n2', publicKey: publicKeyOf(strangersKey), hosts });
      // With TLS 1.3 a client may hear of the refusal only as an early end.
      const heard = await read({ cert, key: strangersKey, ca: authority.certificate }).catch(() => '');
      expect(heard).toBe('');
    } finally {
      server.close();
    }
  });

  it.runIf(hasOpenssl)('is what openssl calls valid, in its strictest mode', () => {
    const [ca, node] = [join(directory, 'ca.pem'), join(directory, 'node.pem')];
    writeFileSync(ca, authority.certificate);
    writeFileSync(node, certificate);
    const verify = (...args: string[]) => execFileSync('openssl', ['verify', ...args], { encoding: 'utf8' });
    expect(verify('-x509_strict', '-purpose', 'sslserver', '-CAfile', ca, node)).toContain('OK');
    expect(verify('-x509_strict', '-purpose', 'sslclient', '-CAfile', ca, node)).toContain('OK');
    expect(verify('-x509_strict', '-CAfile', ca, ca)).toContain('OK');
  });
});

it('writes years from 2050 on as certificates do', () => {
  const late = newAuthority('late', Date.parse('2049-12-31T12:00:00Z'));
  const { validFrom, validTo } = new X509Certificate(late.certificate);
  expect([validFrom, validTo]).toEqual(['Dec 30 12:00:00 2049 GMT', 'Dec 26 12:00:00 2069 GMT']);
});

it('does not sign with a key that is not its own, nor a key that is none', () => {
  const node = { name: 'n2', publicKey: publicKeyOf(key), hosts };
  expect(() => issueCertificate({ ...authority, key: newKey() }, node)).toThrow(
    expect.objectContaining({ code: 'TLS_AUTHORITY_INVALID' }),
  );
  // A certificate of a node is no authority.
  expect(() => issueCertificate({ certificate, key }, node)).toThrow(
    expect.objectContaining({ code: 'TLS_AUTHORITY_INVALID' }),
  );
  expect(() => issueCertificate(authority, { ...node, publicKey: 'no key' })).toThrow(
    expect.objectContaining({ code: 'TLS_PUBLIC_KEY_INVALID' }),
  );
});
