import { createConnection } from 'mysql2/promise';
import { encodeLogin } from '../../src/mysql-protocol/login.js';
import { nativePassword } from '../../src/mysql-protocol/login-method.js';
import { packet } from '../../src/mysql-protocol/packets.js';
import { sleep } from '../../src/std/timing.js';
import type { Random } from '../kit/random.js';
import { mutate } from './mutate.js';
import { throwAt } from './sockets.js';
import type { FuzzTarget } from './target.js';

export interface MysqlPorts {
  readonly readWrite: number;
  readonly readOnly: number;
  readonly user: string;
  readonly password: string;
}

const query = (sql: string) => packet(0, Buffer.from(`\u0003${sql}`));

const WORDS = [
  ...[
    'KILL',
    'QUERY',
    'CONNECTION',
    'SELECT',
    'SET',
    'STATEMENT',
    'FOR',
    'BEGIN',
    'NOT',
    'ATOMIC',
    'PREPARE',
    'XA',
  ],
  ...['max_statement_time=1', '1', '999999', 'x', 'label:', 'END'],
  ...['/*', '*/', '/*!', '/*!50000 ', '/*M!', '--', '-- ', '#', '\n', ' ', '\t', ';', '(', ')', ',', '='],
  ...["'", '"', '`', '\\', '\u0000', '\u00ff', '/**/', "''", '/'],
];

/** Text that looks to a scanner like the beginning of a command, with pieces repeated. */
export function hostileSql(random: Random): string {
  let text = '';
  for (let i = random.int(1, 12); i > 0; i--) {
    const word = random.pick(WORDS) + (random.chance(0.5) ? ' ' : '');
    text += random.chance(0.1) ? word.repeat(random.int(2, 20_000)) : word;
  }
  return text;
}

const LOGIN = encodeLogin('app', { method: nativePassword, answer: Buffer.alloc(20, 7) });
const BEFORE_LOGIN: readonly Buffer[] = [
  LOGIN,
  packet(0, Buffer.from('skein-hop')),
  packet(1, Buffer.alloc(32, 1)),
  packet(0, Buffer.from('\u0001')),
  query('SELECT 1'),
  query('KILL 5'),
  // What hung a node once: a scanner that went back over comments.
  query(`${'/**/'.repeat(250)}X`),
];

const COMMANDS: readonly Buffer[] = [
  query('SELECT 1'),
  query('KILL QUERY 12345678'),
  packet(0, Buffer.from([0x0c, 1, 2, 3, 0])),
  packet(0, Buffer.from('\u0016SELECT ?')),
  packet(0, Buffer.from([0x17, 1, 0, 0, 0, 0, 1, 0, 0, 0])),
  packet(0, Buffer.from([0x19, 1, 0, 0, 0])),
  packet(0, Buffer.concat([Buffer.from([0x11]), LOGIN.subarray(36)])),
  packet(0, Buffer.from([0x1f])),
  packet(0, Buffer.from([0x0e])),
];

export function mysqlTargets(ports: readonly MysqlPorts[]): FuzzTarget[] {
  const port = (random: Random) => {
    const node = random.pick(ports);
    return random.chance(0.7) ? node.readWrite : node.readOnly;
  };
  return [
    {
      name: 'MySQL port before login',
      parallel: 8,
      run: async (random) => {
        const pieces = Array.from({ length: random.int(1, 4) }, () =>
          random.chance(0.3) ? query(hostileSql(random)) : mutate(random, BEFORE_LOGIN),
        );
        const first = random.chance(0.5) ? [LOGIN] : [];
        await throwAt(port(random), [...first, ...pieces]);
      },
    },
    {
      name: 'MySQL port after login',
      parallel: 4,
      run: async (random) => {
        const { user, password } = ports[0] as MysqlPorts;
        const connection = await createConnection({ host: '127.0.0.1', port: port(random), user, password });
        connection.on('error', () => {});
        // Past the driver, which would make sense of it.
        const { stream } = (connection as unknown as { connection: { stream: NodeJS.WritableStream } })
          .connection;
        for (let i = random.int(1, 6); i > 0; i--)
          stream.write(random.chance(0.6) ? query(hostileSql(random)) : mutate(random, COMMANDS));
        await sleep(20); // The server and the port get them; most are never answered in a form that can be waited for.
        connection.destroy();
      },
    },
  ];
}
