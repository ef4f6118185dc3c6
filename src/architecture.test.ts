import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { arrowsOf, circlesOf, readSource, readSources, roomOf } from '../scripts/house.mjs';

/**
 * Holds the rules that let a newcomer guess where a line of code is (ARCHITECTURE.md, "Rooms").
 * A room is a directory of src; a file that lies in src itself is a room of its own. `npm run house` prints them.
 */

const root = join(import.meta.dirname, '..');
const sources = readSources();

interface Import {
  readonly file: string;
  readonly room: string;
  /** A path in src, or the name of a package. */
  readonly target: string;
  readonly targetRoom: string | null;
}

/**
 * The rooms from the bottom up, and what each may import besides itself. Everything not named here is forbidden; a room
 * imports only rooms above its own line, so there is no circle.
 */
const ROOMS: Readonly<Record<string, readonly string[]>> = {
  std: [],
  model: ['std'],
  'mysql-protocol': ['std', 'model'],
  wire: ['std', 'model'],
  metrics: ['std'],
  tls: ['std', 'model'],
  // How a machine proves that it may become a member, and what it is told; the nodes and the command line know it.
  joining: ['std', 'model', 'wire'],
  promise: ['std', 'model'],
  audit: ['std', 'model'],
  auth: ['std', 'model'],
  dump: ['std', 'model'],
  'mysql-client': ['std', 'model', 'mysql-protocol'],
  // What differs between servers of different kinds.
  flavour: ['std', 'model', 'mysql-protocol', 'mysql-client', 'promise'],
  // Data rooms: transactions flow through them. They know no other room, and nothing of control.
  source: ['std', 'model', 'mysql-protocol', 'wire', 'flavour'],
  hub: ['std', 'model', 'mysql-protocol', 'wire'],
  link: ['std', 'model', 'mysql-protocol', 'wire'],
  spool: ['std', 'model', 'mysql-protocol', 'wire'],
  endpoint: ['std', 'model', 'mysql-protocol', 'wire', 'flavour'],
  'mysql-port': ['std', 'model', 'mysql-protocol', 'wire'],
  membership: ['std', 'model', 'wire'],
  // The server beside the node: where it comes from, what is said to it, how it is run.
  'server-packages': ['std', 'model'],
  'mysql-control': [
    'std',
    'model',
    'mysql-protocol',
    'flavour',
    'mysql-client',
    'promise',
    'auth',
    'server-packages',
  ],
  'server-process': ['std', 'model', 'mysql-protocol', 'flavour', 'server-packages', 'mysql-control'],
  snapshot: ['std', 'model', 'server-packages'],
  verify: ['std', 'model', 'mysql-protocol', 'flavour'],
  backup: ['std', 'model'],
  // What clients are told, statements without HTTP, and HTTP.
  api: ['std', 'model', 'mysql-protocol', 'flavour', 'mysql-client', 'metrics', 'audit', 'joining'],
  sql: ['std', 'model', 'mysql-protocol', 'flavour', 'mysql-client', 'auth', 'api'],
  config: ['std', 'model'],
  http: ['std', 'model', 'mysql-protocol', 'metrics', 'audit', 'auth', 'api', 'sql', 'config', 'joining'],
  events: ['std', 'model', 'audit', 'api'],
  election: ['std', 'model'],
  // Fills the server of a replica from another node, and gives snapshots to others.
  seeding: ['std', 'model', 'wire', 'flavour', 'link', 'events'],
  // What is kept of data that is replaced.
  recovered: ['std', 'model'],
  // What the planes of a node know of each other, and the client planes: the entries of their threads import them, nobody else.
  planes: ['std', 'model', 'metrics', 'audit', 'config', 'server-packages'],
  'client-plane': [
    ...['std', 'model', 'mysql-protocol', 'flavour', 'metrics', 'audit', 'mysql-port', 'mysql-client', 'api'],
    ...['mysql-control', 'config', 'http', 'events', 'planes', 'joining', 'tls'],
    ...['server-packages', 'snapshot', 'backup'],
  ],
  // The replication plane: what a node does as primary or as replica, its parts, and the composition root.
  roles: [
    ...['std', 'model', 'mysql-protocol', 'wire', 'flavour', 'metrics', 'promise', 'api', 'config', 'events'],
    ...['source', 'hub', 'link', 'spool', 'endpoint', 'membership', 'mysql-control', 'verify', 'election'],
    ...['recovered'],
  ],
  node: [
    ...[
      'std',
      'model',
      'flavour',
      'metrics',
      'audit',
      'auth',
      'api',
      'config',
      'events',
      'mysql-control',
      'server-process',
      'election',
    ],
    ...['planes', 'roles', 'tls', 'seeding', 'recovered', 'link', 'server-packages', 'snapshot'],
  ],
  'node.ts': [
    ...['std', 'model', 'mysql-protocol', 'flavour', 'metrics', 'tls', 'audit', 'auth', 'config', 'events'],
    'planes',
    ...['server-packages', 'mysql-control', 'server-process', 'roles', 'node', 'election', 'link', 'spool'],
    ...['seeding', 'snapshot'],
  ],
  // The command line talks to a node over its HTTP API only; single files of it may use more, see below.
  cli: ['std', 'model'],
  'main.ts': ['cli'],
};

/** What the command line may use besides the HTTP API: it starts processes and reads files on this machine. */
const CLI_EXTRAS: Readonly<Record<string, readonly string[]>> = {
  'cli/node.ts': ['config', 'node.ts'],
  'cli/demo.ts': ['config'],
  'cli/init.ts': ['config', 'auth', 'tls'],
  'cli/join.ts': ['config', 'joining', 'auth'],
  'cli/setup/': ['config', 'flavour', 'server-packages', 'joining', 'tls', 'wire'],
  'cli/demo/': ['config', 'server-packages', 'mysql-control', 'auth'],
  'cli/spool.ts': ['spool', 'flavour'],
  'cli/audit.ts': ['audit', 'config'],
  'cli/dump.ts': ['dump'],
  'cli/recovered.ts': ['recovered'],
  'cli/load.ts': ['dump', 'mysql-client', 'mysql-protocol'],
  'cli/backup.ts': ['backup'],
  'cli/restore.ts': [
    'backup',
    'config',
    'flavour',
    'mysql-control',
    'server-packages',
    'server-process',
    'snapshot',
  ],
};

/**
 * What one kind of server has and another one has not: `words` are in code (not in comments) of the flavour, and of `except`
 * alone: files, or rooms.
 */
const LEAKS: Readonly<Record<string, { words: RegExp; except: readonly string[] }>> = {
  'positions and places in the log': {
    words: /gtid_(slave|binlog|current)_pos|last_gtid|binlog_gtid_pos|binlog_snapshot_/i,
    // A dump that is loaded may come from any server.
    except: ['dump/adapt.ts'],
  },
  'the program of a server, its options and its words': {
    words:
      /mariadbd|mysqld\b|'--(bootstrap|user=root|init-connect|log-bin|skip-|innodb|rpl-|expire|tc-)|master-data|master\.info/,
    except: ['server-packages/'],
  },
  'tables of the engine and of the system': {
    words:
      /innodb_sys_|mysql\.(proc|event)\b|SET STATEMENT|tzinfo|global_priv|tables_priv|FLUSH LOCAL PRIV|tx_read_only/i,
    except: ['server-packages/mariadb-packages.ts', 'server-packages/mysql-packages.ts'],
  },
  'numbers of errors': {
    words: /\bER_[A-Z_]+ = \d|errno (===|!==|<|>) \d{3}/,
    except: [],
  },
};

const PACKAGE_ROOMS: Readonly<Record<string, readonly string[]>> = {
  pino: ['std'],
  fastify: ['http'],
};

const all = imports();

describe('src', () => {
  it('is read at all', () => {
    expect(all.length).toBeGreaterThan(50);
    expect(new Set(all.map(({ room }) => room)).size).toBeGreaterThan(8);
  });

  it('has no room that the table does not name', () => {
    expect([...new Set(all.map(({ room }) => room))].filter((room) => !(room in ROOMS))).toEqual([]);
  });

  it('has the order of the table: no room imports one of a later line', () => {
    const order = Object.keys(ROOMS);
    const wrong = order.flatMap((room, i) =>
      (ROOMS[room] ?? []).filter((other) => order.indexOf(other) >= i).map((other) => `${room} -> ${other}`),
    );
    expect(wrong).toEqual([]);
  });

  it('imports what the table allows, and nothing else', () => {
    const wrong = all.filter(
      ({ file, room, targetRoom }) =>
        targetRoom !== null &&
        targetRoom !== room &&
        !ROOMS[room]?.includes(targetRoom) &&
        !cliMay(file, targetRoom),
    );
    expect(text(wrong)).toEqual([]);
  });

  it('knows the logging library and the HTTP server in one room each', () => {
    const wrong = all.filter(({ room, target }) => {
      const rooms = PACKAGE_ROOMS[target];
      return rooms !== undefined && !rooms.includes(room);
    });
    expect(text(wrong)).toEqual([]);
  });

  it('names a flavour in one place', () => {
    const wrong = all.filter(
      ({ file, target }) =>
        /^flavour\/\w+\//.test(target) && !file.startsWith(folderOf(target)) && file !== 'flavour/current.ts',
    );
    expect(text(wrong)).toEqual([]);
  });

  it.each(Object.entries(LEAKS))('says only in its flavour: %s', (_, { words, except }) => {
    const says = sources.filter(
      ({ path }) =>
        !path.startsWith('flavour/') && words.test(codeOf(readFileSync(join(root, 'src', path), 'utf8'))),
    );
    const places = new Set(says.map(({ path }) => except.find((place) => path.startsWith(place)) ?? path));
    expect([...places].sort()).toEqual([...except].sort());
  });

  it('keeps the client package to itself: it runs in browsers, where nothing else is', () => {
    const targets = readSources(join(root, 'client/src')).flatMap((file) => file.imports);
    expect(targets.length).toBeGreaterThan(10);
    expect(targets.filter((target) => !/^[\w-]+\.ts$/.test(target))).toEqual([]);
  });

  it('keeps sockets out of the rooms that only know bytes', () => {
    const wrong = all.filter(
      ({ room, target }) =>
        ['model', 'mysql-protocol', 'wire', 'flavour'].includes(room) &&
        /^node:(net|tls|http|fs)/.test(target),
    );
    expect(text(wrong)).toEqual([]);
  });
});

describe('the console', () => {
  const console = join(root, 'console/src');
  const files = readdirSync(console, { recursive: true, encoding: 'utf8' })
    .filter((path) => /(?<!\.test)\.tsx?$/.test(path))
    .map((path) => readSource(path, readFileSync(join(console, path), 'utf8')));
  /** Each layer, and those that it may import; types alone may come from the client anywhere. */
  const LAYERS: Readonly<Record<string, readonly string[]>> = {
    state: [],
    api: ['state'],
    parts: ['state', 'api'],
    views: ['state', 'api', 'parts'],
    'main.tsx': ['api', 'views'],
  };

  it('has the order of its layers', () => {
    expect(files.length).toBeGreaterThan(30);
    const wrong = files.flatMap(({ path, imports }) =>
      imports
        .map((target) => target.split('/')[0] ?? '')
        .filter((room) => room !== roomOf(path) && room in LAYERS && !LAYERS[roomOf(path)]?.includes(room))
        .map((room) => `${path} imports ${room}`),
    );
    expect(wrong).toEqual([]);
  });

  it('talks to the node in one layer, and draws in the others', () => {
    const wrong = files.flatMap(({ path }) => {
      const code = codeOf(readFileSync(join(console, path), 'utf8'));
      const talks = /^import (?!type\b)[^;]*client\/src|\b(fetch|EventSource|XMLHttpRequest|WebSocket)\(/m;
      const draws = /\bfrom 'preact|\bdocument\./;
      return [
        ...(roomOf(path) !== 'api' && talks.test(code) ? [`${path} talks`] : []),
        ...(roomOf(path) === 'state' && draws.test(code) ? [`${path} draws`] : []),
        ...(/dangerouslySetInnerHTML|innerHTML|insertAdjacentHTML/.test(code)
          ? [`${path} makes HTML of text`]
          : []),
      ];
    });
    expect(wrong).toEqual([]);
  });
});

describe('a circle of imports', () => {
  it('is nowhere, not even of types', () => {
    expect(circlesOf(arrowsOf(sources, (path) => path))).toEqual([]);
    expect(circlesOf(arrowsOf(sources, roomOf))).toEqual([]);
  });

  it('is found, whatever form the import has', () => {
    const circle = [
      readSource('x/a.ts', "import type { B } from './b.js';"),
      readSource('x/b.ts', "export * from '../y/c.js';"),
      readSource('y/c.ts', "const load = () => import('../x/a.js');"),
      readSource('y/d.ts', "import { a } from '../x/a.js';"),
      readSource('y/e.ts', "let f: import('./f.js').F;"),
      readSource('y/f.ts', "export type { E as F } from './e.js';"),
    ];
    expect(circlesOf(arrowsOf(circle, (path) => path))).toEqual([
      ['x/a.ts', 'x/b.ts', 'y/c.ts'],
      ['y/e.ts', 'y/f.ts'],
    ]);
    expect(circlesOf(arrowsOf(circle, roomOf))).toEqual([['x', 'y']]);
  });
});

describe('a source file', () => {
  const LINES_MAX = 500;
  /** Files that were longer when the limit came, with the lines that they may have. Only ever shorter. */
  const LONGER: Readonly<Record<string, number>> = {
    'test/full/attack-sessions.test.ts': 510,
    'test/full/managed-server.test.ts': 600,
    'test/system/http.test.ts': 1296,
    'test/system/sql-api.test.ts': 529,
  };
  const PLACES = ['src', 'client/src', 'test', 'bench', 'scripts', 'console'];
  /** Written by `npm run client-api`. */
  const GENERATED = ['client/src/api.ts'];

  const sizes = PLACES.flatMap((place) =>
    readdirSync(join(root, place), { recursive: true, encoding: 'utf8' })
      .map((name) => `${place}/${name}`)
      .filter((path) => /\.(tsx?|mjs|js|css|html)$/.test(path) && !GENERATED.includes(path)),
  ).map((path) => [path, readFileSync(join(root, path), 'utf8').trimEnd().split('\n').length] as const);

  it(`has at most ${LINES_MAX} lines`, () => {
    expect(sizes.length).toBeGreaterThan(400);
    expect(sizes.filter(([path, lines]) => lines > (LONGER[path] ?? LINES_MAX))).toEqual([]);
  });
});

function cliMay(file: string, targetRoom: string): boolean {
  return Object.entries(CLI_EXTRAS).some(
    ([place, rooms]) =>
      (place.endsWith('/') ? file.startsWith(place) : file === place) && rooms.includes(targetRoom),
  );
}

function codeOf(source: string): string {
  return source.replace(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, '');
}

/** `flavour/mariadb/` of a path in it. */
function folderOf(path: string): string {
  return path.slice(0, path.indexOf('/', path.indexOf('/') + 1) + 1);
}

function text(wrong: readonly Import[]): string[] {
  return wrong.map(({ file, target }) => `${file} imports ${target}`);
}

function imports(): Import[] {
  return sources.flatMap(({ path: file, imports }) =>
    imports.map((target) => {
      const inside = sources.some(({ path }) => path === target);
      return { file, room: roomOf(file), target, targetRoom: inside ? roomOf(target) : null };
    }),
  );
}
