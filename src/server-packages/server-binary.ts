import { constants, existsSync } from 'node:fs';
import { access, realpath } from 'node:fs/promises';
import { delimiter, dirname, isAbsolute, join } from 'node:path';
import { messageOf, SkeinError } from '../model/error.js';
import { seriesOf } from '../model/server-version.js';
import { exists } from '../std/files.js';
import { lastLines, run } from '../std/run.js';

export type Flavour = 'mariadb' | 'mysql';

/** A database server program that can be started. */
export interface ServerBinary {
  readonly flavour: Flavour;
  /** As the program says it, e.g. `10.11.19-MariaDB-0+deb12u1`. */
  readonly version: string;
  /** `host`: found installed; `named`: by SKEIN_SERVER; `obtained`: unpacked in Skein's cache. */
  readonly origin: 'host' | 'named' | 'obtained';
  /** Absolute path of the program, or of the script that starts it. */
  readonly command: string;
  /** Where its SQL files, messages and character sets are. */
  readonly shareDir: string;
  /** Options that tell the program where its own files are; needed for a tree that was unpacked elsewhere. */
  readonly pathArgs: readonly string[];
}

/** The program beside the server that prints its binary log; else what the machine has by that name. */
export function binlogProgramOf(binary: ServerBinary): string {
  return programBeside(
    binary,
    binary.flavour === 'mariadb' ? ['mariadb-binlog', 'mysqlbinlog'] : ['mysqlbinlog'],
  );
}

/** The program beside the server that dumps it, as both come from one release; else what the machine has by that name. */
export function dumpProgramOf(binary: ServerBinary): string {
  return programBeside(binary, binary.flavour === 'mariadb' ? ['mariadb-dump', 'mysqldump'] : ['mysqldump']);
}

function programBeside({ command }: ServerBinary, names: readonly string[]): string {
  const directory = dirname(command);
  const places = [directory, join(directory, '../bin')];
  const paths = places.flatMap((place) => names.map((name) => join(place, name)));
  return paths.find((path) => existsSync(path)) ?? names[0] ?? '';
}

const VERSION_TIMEOUT_MS = 20_000;

/** Where the files of a server lie, seen from the directory of its program. The third is our unpacked tree. */
const ROOTS = ['..', '../..', '../root/usr'];
const SHARES = ['share/mysql', 'share/mariadb', 'share'];
const PLUGINS = ['lib/mysql/plugin', 'lib64/mysql/plugin', 'lib/mariadb/plugin', 'lib/plugin'];

/**
 * Looks at one program. The flavour comes from what `--version` answers, never from the file's name
 * (Debian's `mysqld` is MariaDB).
 * @throws SkeinError SERVER_UNUSABLE
 */
export async function inspectServer(command: string, origin: ServerBinary['origin']): Promise<ServerBinary> {
  const answer = await run(command, ['--no-defaults', '--version'], { timeoutMs: VERSION_TIMEOUT_MS }).catch(
    (error: unknown) => {
      throw unusable(command, `it cannot be started: ${messageOf(error)}`, error);
    },
  );
  const version = /\bVer ([0-9]+\.[0-9]+\.[0-9]+\S*)/.exec(answer.stdout)?.[1];
  if (answer.code !== 0 || version === undefined) {
    throw unusable(
      command,
      `its --version output is not that of a database server: ${lastLines(answer.stdout + answer.stderr, 2)}`,
    );
  }
  const flavour: Flavour = /mariadb/i.test(answer.stdout) ? 'mariadb' : 'mysql';
  const places = await locate(command, flavour, version);
  if (places === null) {
    const what = flavour === 'mariadb' ? 'the SQL files of its system tables' : 'its messages';
    throw unusable(command, `${what} are missing`);
  }
  return { flavour, version, origin, command, ...places };
}

async function locate(
  command: string,
  flavour: Flavour,
  version: string,
): Promise<{ shareDir: string; pathArgs: string[] } | null> {
  const from = dirname(await realpath(command));
  // MySQL's own packages have the series in the name.
  const shares = flavour === 'mariadb' ? SHARES : [`share/mysql-${seriesOf(version)}`, ...SHARES];
  for (const root of ROOTS.map((relative) => join(from, relative))) {
    for (const share of shares) {
      const shareDir = join(root, share);
      if (!(await isShareOf(flavour, shareDir))) continue;
      const pathArgs = [`--basedir=${root}`, `--lc-messages-dir=${shareDir}`];
      const charsets = join(shareDir, 'charsets');
      if (await exists(charsets)) pathArgs.push(`--character-sets-dir=${charsets}`);
      for (const plugins of PLUGINS.map((relative) => join(root, relative))) {
        if (!(await exists(plugins))) continue;
        pathArgs.push(`--plugin-dir=${plugins}`);
        break;
      }
      return { shareDir, pathArgs };
    }
  }
  return null;
}

/** MySQL has the SQL of its system tables in the program. */
async function isShareOf(flavour: Flavour, directory: string): Promise<boolean> {
  return flavour === 'mariadb'
    ? (await systemTableFiles(directory)) !== null
    : await exists(join(directory, 'english/errmsg.sys'));
}

/** In the order in which they have to be run; MariaDB 11 renamed them. */
const SYSTEM_TABLE_FILES = [
  ['mysql_system_tables.sql', 'mariadb_system_tables.sql'],
  ['mysql_performance_tables.sql', 'mariadb_performance_tables.sql'],
  ['mysql_system_tables_data.sql', 'mariadb_system_tables_data.sql'],
  ['maria_add_gis_sp_bootstrap.sql'],
  ['mysql_sys_schema.sql', 'mariadb_sys_schema.sql'],
];

/** The SQL files that make an empty data directory into a server's; null when the first ones are not there. */
export async function systemTableFiles(shareDir: string): Promise<string[] | null> {
  const found: string[] = [];
  for (const [index, names] of SYSTEM_TABLE_FILES.entries()) {
    let path: string | undefined;
    for (const name of names) if (await exists(join(shareDir, name))) path = join(shareDir, name);
    if (path !== undefined) found.push(path);
    else if (index < 3) return null;
  }
  return found;
}

/** Programs of these names on this host, in the order of preference. */
export async function hostCandidates(
  names: readonly string[],
  env: NodeJS.ProcessEnv = process.env,
): Promise<string[]> {
  const directories = [
    ...(env.PATH ?? '').split(delimiter).filter(isAbsolute),
    '/usr/sbin',
    '/usr/bin',
    '/usr/libexec',
    '/usr/local/sbin',
    '/usr/local/bin',
    '/usr/local/libexec',
    '/usr/local/mariadb/bin',
    '/usr/local/mysql/bin',
    '/opt/mariadb/bin',
  ];
  const found: string[] = [];
  for (const name of names) {
    for (const directory of new Set(directories)) {
      const path = join(directory, name);
      const executable = await access(path, constants.X_OK).then(
        () => true,
        () => false,
      );
      if (executable) found.push(path);
    }
  }
  return found;
}

function unusable(command: string, why: string, cause?: unknown): SkeinError {
  return new SkeinError('SERVER_UNUSABLE', `${command} cannot be used as the database server: ${why}.`, {
    cause,
  });
}
