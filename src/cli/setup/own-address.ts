import { connect, isIP } from 'node:net';
import { messageOf, SkeinError } from '../../model/error.js';

const CONNECT_MS = 10_000;

/** The base URL of a member's HTTP from `10.0.0.1`, `db1:8083` or a whole URL. @throws SkeinError USAGE */
export function memberUrl(text: string): string {
  const host = isIP(text) === 6 ? `[${text}]` : text;
  const whole = /^https?:\/\//.test(host) ? host : `http://${host}`;
  try {
    const url = new URL(whole);
    if (url.pathname === '/' && url.search === '' && url.username === '') {
      const hasPort = /:\d+$/.test(whole.replace(/\/+$/, ''));
      return `${url.protocol}//${url.hostname}:${hasPort ? portOf(url) : 8083}`;
    }
  } catch {
    // As one with a path.
  }
  throw new SkeinError('USAGE', `"${text}" is not an address of a member; expected http://<host>:8083`);
}

function portOf({ port, protocol }: URL): string {
  return port || (protocol === 'https:' ? '443' : '80');
}

/**
 * The address from which this machine connects to the member: the others can most likely reach it there too.
 * @throws SkeinError NODE_UNREACHABLE
 */
export function addressTowards(url: string, signal: AbortSignal): Promise<string> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    const socket = connect({
      host: hostname.replace(/^\[|\]$/g, ''),
      port: Number(port),
      timeout: CONNECT_MS,
      signal,
    });
    const fail = (why: string, cause?: unknown) => {
      socket.destroy();
      reject(
        new SkeinError(
          'NODE_UNREACHABLE',
          `No member answers at ${url}: ${why}. Nothing was changed here. Is the address right, does the node run, and does a firewall let this machine through?`,
          { cause },
        ),
      );
    };
    socket.once('connect', () => {
      const { localAddress = '127.0.0.1' } = socket;
      socket.destroy();
      resolve(localAddress.replace(/^::ffff:/, ''));
    });
    socket.once('timeout', () => fail(`no connection in ${CONNECT_MS / 1000} s`));
    socket.once('error', (error) => fail(messageOf(error), error));
  });
}
