import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { hasOpenssl, TestAuthority } from '../../test/kit/certificates.js';
import { until } from '../../test/kit/until.js';
import { silentLogger } from '../std/logger.js';
import { loadTls } from './load.js';
import { TlsFiles } from './tls-files.js';

describe.skipIf(!hasOpenssl)('TLS files', () => {
  const directory = mkdtempSync(join(tmpdir(), 'skein-tls-'));
  afterAll(() => rmSync(directory, { recursive: true, force: true }));
  const authority = new TestAuthority(directory, 'authority');
  const stranger = new TestAuthority(directory, 'stranger');
  const node = authority.sign('node');
  const { ca } = authority;
  const nonsense = join(directory, 'nonsense');
  writeFileSync(nonsense, 'nothing');
  writeFileSync(join(directory, 'damaged'), '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n');

  it('loads what is in order', () => {
    const loaded = loadTls({ ...node, ca });
    expect(loaded.subject).toBe('CN=node');
    expect(loaded.expiresAtMs).toBeGreaterThan(Date.now());
    expect(loadTls({ ...node, ca: null }).ca).toBeUndefined();
  });

  it.each([
    ['TLS_FILE_UNREADABLE', { ...node, key: join(directory, 'none'), ca }, 'none'],
    ['TLS_CERTIFICATE_INVALID', { ...node, certificate: nonsense, ca }, 'holds no certificate'],
    ['TLS_CERTIFICATE_INVALID', { ...node, certificate: join(directory, 'damaged'), ca }, 'damaged'],
    ['TLS_KEY_INVALID', { ...node, key: nonsense, ca }, 'no private key'],
    ['TLS_KEY_MISMATCH', { ...node, key: authority.sign('other').key, ca }, 'does not belong to'],
    ['TLS_CA_MISMATCH', { ...node, ca: stranger.ca }, 'was not signed by'],
    ['TLS_CA_INVALID', { ...node, ca: nonsense }, 'holds no certificate'],
    ['TLS_CERTIFICATE_EXPIRED', { ...authority.sign('old', { days: -1 }), ca }, 'expired at'],
  ])('says what is wrong: %s', (code, paths, text) => {
    expect(() => loadTls(paths)).toThrow(
      expect.objectContaining({ code, message: expect.stringContaining(text) }),
    );
  });

  it('says that it is not valid yet', () => {
    expect(() => loadTls({ ...node, ca }, Date.now() - 24 * 3600 * 1000)).toThrow(
      expect.objectContaining({ code: 'TLS_CERTIFICATE_NOT_YET_VALID' }),
    );
  });

  it('takes new files, and keeps the old certificate while they are not in order', async () => {
    const served = authority.sign('served');
    const errors: string[] = [];
    const log = { ...silentLogger, error: (data: object) => errors.push(JSON.stringify(data)) };
    const files = new TlsFiles({ ...served, ca }, { log });
    const first = files.current.cert;
    let changes = 0;
    files.onChange.on(() => changes++);
    files.start();
    const next = authority.sign('next');
    copyFileSync(next.certificate, served.certificate);
    await until('the half change is said', () => errors.length > 0);
    expect(errors[0]).toContain('does not belong to');
    expect(files.current.cert).toBe(first);
    copyFileSync(next.key, served.key);
    await until('the whole change is taken', () => changes > 0);
    expect(files.current.subject).toBe('CN=next');
    expect(errors).toHaveLength(1);
    files.stop();
  });
});
