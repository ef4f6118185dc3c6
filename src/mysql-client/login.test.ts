import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { startImpostor } from '../../test/kit/impostor-server.js';
import { mariadb } from '../flavour/mariadb/mariadb.js';
import { ORIGIN } from '../model/position.js';
import { openDump } from '../source/dump-connection.js';
import { Connection } from './connection.js';

const directory = mkdtempSync(join(tmpdir(), 'skein-login-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const password = 'the-password-of-the-superuser';
const sha256 = (text: string) => createHash('sha256').update(text).digest();
const NATIVE = 'mysql_native_password';
const PLUGINS = [
  ...['caching_sha2_password', 'sha256_password', 'mysql_clear_password', 'mysql_old_password'],
  ...['dialog', 'client_ed25519', 'authentication_ldap_sasl_client', 'toString'],
];

/** Every way in which this code logs in to a server. */
const LOGINS: Record<string, (socketPath: string) => Promise<unknown>> = {
  'a session of the node or of HTTP': (socketPath) =>
    Connection.connect({ address: { socketPath }, user: 'skein', password }),
  'the dump of the source': (socketPath) =>
    openDump(
      { socketPath, user: 'skein_repl', password },
      mariadb.dumpConversation({ serverId: 1, after: ORIGIN, chain: [], semiSync: true, heartbeatMs: 1000 }),
    ),
};

describe.each(Object.keys(LOGINS))('%s', (name) => {
  it.each(PLUGINS)(
    'refuses the login method %s and sends nothing but the native scramble',
    async (plugin) => {
      const socketPath = join(directory, 'impostor.sock');
      const impostor = await startImpostor({ socketPath, plugin });
      try {
        const login = LOGINS[name] as (path: string) => Promise<unknown>;
        await expect(login(socketPath)).rejects.toMatchObject({
          code: 'SERVER_AUTH_PLUGIN',
          message: expect.stringContaining(plugin),
        });
        const received = impostor.received();
        expect(received.includes(NATIVE)).toBe(true);
        expect(received.includes(password)).toBe(false);
        expect(received.includes(sha256(password).subarray(0, 8))).toBe(false);
        // One packet: the login.
        expect(received.readUIntLE(0, 3) + 4).toBe(received.length);
      } finally {
        await impostor.close();
      }
    },
  );
});
