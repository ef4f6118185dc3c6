import { type Connection, type ConnectionOptions, createConnection } from 'mysql2/promise';
import { authPluginRefused } from '../mysql-protocol/login.js';

const CONNECT_TIMEOUT_MS = 5000;

/** What mysql2 would answer besides mysql_native_password, two of them with the password itself over a unix socket. */
const REFUSED_PLUGINS = ['caching_sha2_password', 'sha256_password', 'mysql_clear_password'];

const refuse = (name: string) => () => () => {
  throw new Error(`login method ${name}`);
};

/** mysql2 prefers these to its own ones, and then also never begins with another method than mysql_native_password. */
const authPlugins = Object.fromEntries(REFUSED_PLUGINS.map((name) => [name, refuse(name)]));

/**
 * A session of one of Skein's own accounts on the local server's unix socket. Only the method that these accounts have is
 * answered: a program that took the server's place learns nothing from the login.
 * @throws SkeinError SERVER_AUTH_PLUGIN; the errors of mysql2
 */
export async function openLocalSession(
  options: ConnectionOptions & {
    readonly socketPath: string;
    readonly user: string;
    readonly password: string;
  },
): Promise<Connection> {
  try {
    return await createConnection({ connectTimeout: CONNECT_TIMEOUT_MS, ...options, authPlugins });
  } catch (error) {
    const { code, message } = error as { code?: string; message?: string };
    if (code !== 'AUTH_SWITCH_PLUGIN_ERROR' && code !== 'MYSQL_CLEAR_PASSWORD_NOT_ENABLED') throw error;
    const name = /(?:login method|unknown plugin) (\S+)/.exec(message ?? '')?.[1]?.replace(/\.$/, '');
    throw authPluginRefused(name ?? 'unknown', error);
  }
}
