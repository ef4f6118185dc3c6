import { expect, it, vi } from 'vitest';
import { silentLogger } from '../std/logger.js';
import { CertificateKeeper } from './certificate-keeper.js';

it('ignores an invalid address in the list of members', async () => {
  vi.useFakeTimers();
  try {
    const errors: object[] = [];
    const files = { certificate: '/nowhere/n.crt', key: '/nowhere/n.key', ca: '/nowhere/ca.crt' };
    const keeper = new CertificateKeeper(
      { name: 'n1', tls: { ...files, caKey: '/nowhere/ca.key' } },
      {
        log: { ...silentLogger, error: (data) => void errors.push(data) },
        members: () => [{ link: { host: 'db4', port: 7083 }, http: 'http://db 4:8083' }],
      },
    );
    keeper.start();
    await vi.advanceTimersByTimeAsync(10_000);
    // It gets as far as the certificate, which this test does not have.
    await vi.waitFor(() => expect(JSON.stringify(errors)).toContain('/nowhere/n.crt'));
    keeper.stop();
  } finally {
    vi.useRealTimers();
  }
});
