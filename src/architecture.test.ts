import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

/**
 * Holds the rules that let a newcomer guess where a line of code is (ARCHITECTURE.md, "Rooms").
 * A room is a directory of src; a file that lies in src itself is a room of its own.
 */

const src = dirname(fileURLToPath(import.meta.url));

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
  promise: ['std', 'model'],
  audit: ['std', 'model'],
  auth: ['std', 'model'],
  dump: ['std', 'model'],
  'mysql-client': ['std', 'model', 'mysql-protocol'],
  // Data rooms: transactions flow through them. They know no other room, and nothing of control.
  source: ['std', 'model', 'mysql-protocol', 'wire'],
  hub: ['std', 'model', 'mysql-protocol', 'wire'],
  link: ['std', 'model', 'mysql-protocol', 'wire'],
  spool: ['std', 'model', 'mysql-protocol', 'wire'],
  endpoint: ['std', 'model', 'mysql-protocol', 'wire'],
  'mysql-port': ['std', 'model', 'mysql-protocol', 'wire'],
  membership: ['std', 'model', 'wire'],
  // The server beside the node: where it comes from, what is said to it, how it is run.
  'server-packages': ['std', 'model'],
  'mysql-control': ['std', 'model', 'mysql-protocol', 'mysql-client', 'promise', 'auth', 'server-packages'],
  'server-process': ['std', 'model', 'server-packages', 'mysql-control'],
  // What clients are told, statements without HTTP, and HTTP.
  api: ['std', 'model', 'mysql-protocol', 'mysql-client', 'metrics', 'audit'],
  sql: ['std', 'model', 'mysql-protocol', 'mysql-client', 'auth', 'api'],
  config: ['std', 'model'],
  http: ['std', 'model', 'mysql-protocol', 'metrics', 'audit', 'auth', 'api', 'sql', 'config'],
  events: ['std', 'model', 'audit', 'api'],
  // A node: what it does as primary or as replica, its parts, and the composition root.
  roles: [
    ...['std', 'model', 'mysql-protocol', 'wire', 'metrics', 'promise', 'api', 'config', 'events'],
    ...['source', 'hub', 'link', 'spool', 'endpoint', 'mysql-port', 'membership', 'mysql-control'],
  ],
  node: [
    ...['std', 'model', 'metrics', 'api', 'config', 'events', 'http', 'mysql-port', 'mysql-control'],
    ...['server-process', 'roles'],
  ],
  'node.ts': [
    ...[
      'std',
      'model',
      'mysql-protocol',
      'metrics',
      'tls',
      'audit',
      'auth',
      'api',
      'config',
      'events',
      'http',
    ],
    ...['server-packages', 'mysql-control', 'server-process', 'roles', 'node'],
  ],
  // The command line talks to a node over its HTTP API only; single files of it may use more, see below.
  cli: ['std', 'model'],
  'main.ts': ['cli'],
};

/** What the command line may use besides the HTTP API: it starts processes and reads files on this machine. */
const CLI_EXTRAS: Readonly<Record<string, readonly string[]>> = {
  'cli/node.ts': ['config', 'node.ts'],
  'cli/demo.ts': ['config'],
  'cli/demo/': ['config', 'server-packages', 'mysql-control', 'auth'],
  'cli/spool.ts': ['spool', 'mysql-protocol'],
  'cli/audit.ts': ['audit', 'config'],
  'cli/dump.ts': ['dump'],
  'cli/load.ts': ['dump'],
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

  it('keeps the client package to itself: it runs in browsers, where nothing else is', () => {
    const directory = join(src, '../client/src');
    const targets = readdirSync(directory)
      .filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts'))
      .flatMap((file) => [
        ...readFileSync(join(directory, file), 'utf8').matchAll(/\b(?:from|import)\s*\(?'([^']+)'/g),
      ])
      .map(([, target = '']) => target);
    expect(targets.length).toBeGreaterThan(10);
    expect(targets.filter((target) => !/^\.\/[\w-]+\.js$/.test(target))).toEqual([]);
  });

  it('keeps sockets out of the rooms that only know bytes', () => {
    const wrong = all.filter(
      ({ room, target }) =>
        ['model', 'mysql-protocol', 'wire'].includes(room) && /^node:(net|tls|http|fs)/.test(target),
    );
    expect(text(wrong)).toEqual([]);
  });
});

function cliMay(file: string, targetRoom: string): boolean {
  return Object.entries(CLI_EXTRAS).some(
    ([place, rooms]) =>
      (place.endsWith('/') ? file.startsWith(place) : file === place) && rooms.includes(targetRoom),
  );
}

function text(wrong: readonly Import[]): string[] {
  return wrong.map(({ file, target }) => `${file} imports ${target}`);
}

function imports(): Import[] {
  return sources().flatMap((file) => {
    const code = readFileSync(join(src, file), 'utf8');
    const targets = code.matchAll(/(?:\bfrom\s+|\bimport\s+|\bimport\(\s*)'([^']+)'/g);
    return [...targets].map(([, specifier = '']) => {
      const target = specifier.startsWith('.')
        ? relative(src, join(src, dirname(file), specifier)).replace(/\.js$/, '.ts')
        : specifier;
      return {
        file,
        room: roomOf(file),
        target,
        targetRoom: specifier.startsWith('.') ? roomOf(target) : null,
      };
    });
  });
}

/** Tests may look into any room. */
function sources(): string[] {
  return readdirSync(src, { recursive: true, encoding: 'utf8' }).filter(
    (file) => file.endsWith('.ts') && !file.endsWith('.test.ts'),
  );
}

function roomOf(file: string): string {
  return file.split('/')[0] ?? file;
}
