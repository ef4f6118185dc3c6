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

/** What each room may import besides itself and what lies below it. Everything not named here is forbidden. */
const BELOW: Readonly<Record<string, readonly string[]>> = {
  std: [],
  model: ['std'],
  'mysql-protocol': ['std', 'model'],
  wire: ['std', 'model'],
};
const FOUNDATION = ['std', 'model', 'mysql-protocol', 'wire'];

/** Rooms that transactions flow through: they know no other room, and nothing of control. */
const DATA_ROOMS = ['source', 'hub', 'link', 'spool', 'endpoint', 'mysql-port'];

/** Where all rooms meet. `node/` holds the parts of the composition root. */
const COMPOSITION = ['node', 'node.ts'];

/** What the command line may use besides the HTTP API: it starts processes and reads files on this machine. */
const CLI_EXTRAS: Readonly<Record<string, readonly string[]>> = {
  'cli/node.ts': ['config', 'node.ts'],
  'cli/demo.ts': ['config'],
  'cli/demo/': ['config', 'mysql-control', 'auth'],
  'cli/spool.ts': ['spool', 'mysql-protocol'],
  'cli/audit.ts': ['audit', 'config'],
  'cli/dump.ts': ['dump'],
  'cli/load.ts': ['dump'],
};

const PACKAGE_ROOMS: Readonly<Record<string, readonly string[]>> = {
  pino: ['std'],
  fastify: ['http', ...COMPOSITION],
};

const all = imports();

describe('src', () => {
  it('is read at all', () => {
    expect(all.length).toBeGreaterThan(50);
    expect(new Set(all.map(({ room }) => room)).size).toBeGreaterThan(8);
  });

  it('has its foundation in order: std <- model <- mysql-protocol, wire', () => {
    const wrong = all.filter(
      ({ room, targetRoom }) =>
        targetRoom !== null && room in BELOW && targetRoom !== room && !BELOW[room]?.includes(targetRoom),
    );
    expect(text(wrong)).toEqual([]);
  });

  it('keeps the data rooms apart from each other and from control', () => {
    const wrong = all.filter(
      ({ room, targetRoom }) =>
        targetRoom !== null &&
        DATA_ROOMS.includes(room) &&
        targetRoom !== room &&
        !FOUNDATION.includes(targetRoom),
    );
    expect(text(wrong)).toEqual([]);
  });

  it('lets rooms meet in the composition root only: nobody else imports a data room or the root', () => {
    const wrong = all.filter(
      ({ file, room, targetRoom }) =>
        targetRoom !== null &&
        targetRoom !== room &&
        (DATA_ROOMS.includes(targetRoom) || COMPOSITION.includes(targetRoom)) &&
        !COMPOSITION.includes(room) &&
        !cliMay(file, targetRoom),
    );
    expect(text(wrong)).toEqual([]);
  });

  it('lets the command line talk to a node over its HTTP API only', () => {
    const wrong = all.filter(
      ({ file, room, targetRoom }) =>
        room === 'cli' &&
        targetRoom !== null &&
        !['cli', 'std', 'model'].includes(targetRoom) &&
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
