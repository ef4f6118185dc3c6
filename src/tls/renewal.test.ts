import { X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { certificateHosts, issueCertificate, newAuthority, newKey, publicKeyOf } from './authority.js';
import { loadTls } from './load.js';
import { renewCertificate } from './renewal.js';

const directory = mkdtempSync(join(tmpdir(), 'skein-renewal-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const YEAR_MS = 365 * 24 * 3600 * 1000;
const path = (name: string) => join(directory, name);
const paths = { certificate: path('n.crt'), key: path('n.key'), ca: path('ca.crt'), caKey: path('ca.key') };
const authority = newAuthority('Skein shop');
const key = newKey();
const hosts = certificateHosts(['10.0.0.1', 'db2']);
writeFileSync(paths.ca, authority.certificate);
writeFileSync(paths.caKey, authority.key);
writeFileSync(paths.key, key);
writeFileSync(
  paths.certificate,
  issueCertificate(authority, { name: 'n1', publicKey: publicKeyOf(key), hosts }),
);

const certificate = () => new X509Certificate(readFileSync(paths.certificate));
const renew = (hosts: string[], nowMs = Date.now()) => renewCertificate(paths, { name: 'n1', hosts }, nowMs);

it('leaves a good certificate as it is', async () => {
  const before = certificate().fingerprint256;
  expect(await renew(['10.0.0.1', 'db2'])).toBeNull();
  expect(certificate().fingerprint256).toBe(before);
});

it('adds the host of a new member, with the same key', async () => {
  expect(await renew(['10.0.0.1', 'db2', '10.0.0.3'])).toBe('it is not made for 10.0.0.3');
  for (const host of ['10.0.0.1', '10.0.0.3', '127.0.0.1']) expect(certificate().checkIP(host)).toBe(host);
  expect(loadTls(paths).subject).toBe('CN=n1');
  expect(await renew(['10.0.0.1', 'db2', '10.0.0.3'])).toBeNull();
});

it('renews long before the end', async () => {
  const end = Date.parse(certificate().validTo);
  expect(await renew(['10.0.0.1'], end - 1.1 * YEAR_MS)).toBeNull();
  expect(await renew(['10.0.0.1'], end - 0.9 * YEAR_MS)).toContain('it ends at');
  expect(Date.parse(certificate().validTo)).toBeGreaterThan(end + YEAR_MS);
});

it('does not sign with another key, and keeps the certificate', async () => {
  const before = certificate().fingerprint256;
  writeFileSync(paths.caKey, newKey());
  await expect(renew(['10.0.0.9'])).rejects.toMatchObject({ code: 'TLS_AUTHORITY_INVALID' });
  expect(certificate().fingerprint256).toBe(before);
});

it('is not made anew again and again for a host that no certificate can hold', async () => {
  writeFileSync(paths.caKey, authority.key);
  expect(await renew(['10.0.0.4', 'bücher'])).toContain('bücher');
  const before = certificate().fingerprint256;
  expect(certificate().checkIP('10.0.0.4')).toBe('10.0.0.4');
  await expect(renew(['10.0.0.4', 'bücher'])).rejects.toMatchObject({ code: 'TLS_HOST_INVALID' });
  expect(certificate().fingerprint256).toBe(before);
});
