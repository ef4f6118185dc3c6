import { once } from 'node:events';
import { chmod, mkdir, readdir, readFile, realpath, rename, rm, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { createGunzip } from 'node:zlib';
import type { BackupHead, BackupTail } from '../backup/backup-head.js';
import { readBackup } from '../backup/read-backup.js';
import { newClusterId, writeIdentity } from '../config/identity.js';
import { installationDirectory } from '../config/installation.js';
import { flavour } from '../flavour/current.js';
import { SkeinError } from '../model/error.js';
import { formatPosition } from '../model/position.js';
import { fitsServer } from '../model/server-version.js';
import { accountPassword } from '../mysql-control/accounts.js';
import { obtainBackupPrograms } from '../server-packages/backup-programs.js';
import { chooseCacheDir } from '../server-packages/cache-dir.js';
import { obtainServer } from '../server-packages/obtain.js';
import type { ServerBinary } from '../server-packages/server-binary.js';
import { rollBackPrepared } from '../server-process/prepared-transactions.js';
import { chooseServerUser } from '../server-process/server-user.js';
import { runOffline } from '../server-process/template.js';
import { IncomingSnapshot, type SnapshotPlace } from '../snapshot/incoming.js';
import { placeSnapshot } from '../snapshot/place.js';
import { bytesText } from '../std/bytes-text.js';
import { replaceFile, sweepTemporary, syncPath, syncTree, temporaryName } from '../std/files.js';
import { silentLogger } from '../std/logger.js';
import { backupInput } from './backup-input.js';
import type { Command, CommandContext } from './command.js';
import { ensureSecrets } from './demo/directory.js';
import { clusterFiles } from './demo/plan.js';
import { UsageError } from './usage-error.js';

export const restoreCommand: Command = {
  usage: '<file|-> --dir <directory> [--secret <file>]',
  description: `Makes a new cluster from a backup: the directory of its first node, n1. Start it with \`skein demo --dir <directory>\`; more nodes join it like any other cluster.
The cluster continues the history of the old one at the backup's position, under a secret of its own: nodes of the old cluster and of this one never talk to each other. Tokens of the old cluster are not valid in it. Accounts of applications are there with new passwords (\`skein user rotate\`), unless --secret names the old cluster's cluster.secret.
The directory gets its name when everything in it is complete and on the disk. A damaged or incomplete backup leaves nothing behind.`,
  options: {
    dir: { type: 'string', value: '<directory>', help: 'the new directory; must be empty or absent' },
    secret: {
      type: 'string',
      value: '<file>',
      help: "the old cluster's cluster.secret: passwords of accounts stay as they were",
    },
  },
  examples: [
    ['skein restore all.backup --dir .skein', 'then: npm start'],
    ['ssh host cat all.backup | skein restore - --dir /srv/skein', 'from standard input'],
  ],
  positionals: [1, 1],

  async run(context, values) {
    const dir = values.text('dir');
    if (dir === undefined) throw new UsageError('restore: --dir is missing; it names the new directory.');
    const file = values.positionals[0] ?? '';
    const secret = values.text('secret');
    const named = resolve(context.cwd, dir);
    await refuseUsed(named);
    // It is renamed to its place, which a link is not.
    const directory = await realpath(named).catch(() => named);
    await refuseMounted(directory);
    const source = await backupInput(context, file);
    const temporary = await makeTemporary(directory);
    try {
      const { head, tail } = await restore(context, source, temporary, secret);
      await rename(temporary, directory);
      await syncPath(dirname(directory));
      context.terminal.err(
        `Restored the cluster "${head.cluster}" as it was on ${head.node} at position ${formatPosition(tail.position)}: ${bytesText(tail.contentBytes)}.\nIts admin token is in ${clusterFiles(directory).adminToken}. Start it: skein demo --dir ${directory}\n`,
      );
      return 0;
    } catch (error) {
      await rm(temporary, { recursive: true, force: true });
      throw error;
    }
  },
};

/** @throws SkeinError RESTORE_NOT_EMPTY */
async function refuseUsed(directory: string): Promise<void> {
  const names = await readdir(directory).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  if (names.length === 0) return;
  throw new SkeinError(
    'RESTORE_NOT_EMPTY',
    `${directory} is not empty (${names.slice(0, 3).join(', ')}). A backup is restored into a new directory only: name another one.`,
  );
}

/** @throws SkeinError RESTORE_MOUNTED, before anything is read: the restored directory could not take its name */
async function refuseMounted(directory: string): Promise<void> {
  const own = await stat(directory).catch(() => null);
  if (own === null || own.dev === (await stat(dirname(directory))).dev) return;
  throw new SkeinError(
    'RESTORE_MOUNTED',
    `${directory} is a file system of its own. Name a new directory in it: --dir ${join(directory, 'skein')}.`,
  );
}

/** Beside the final directory, so that an interrupted restore leaves nothing that could be started. */
async function makeTemporary(directory: string): Promise<string> {
  await mkdir(dirname(directory), { recursive: true });
  await sweepTemporary(directory);
  const temporary = temporaryName(directory);
  await mkdir(temporary, { mode: 0o755 });
  await chmod(temporary, 0o755);
  return temporary;
}

async function restore(
  context: CommandContext,
  source: AsyncIterable<Uint8Array>,
  directory: string,
  secretFile: string | undefined,
): Promise<{ head: BackupHead; tail: BackupTail }> {
  const { signal, terminal } = context;
  const node = join(directory, 'n1');
  await mkdir(node, { mode: 0o755 });
  let receiver: Receiver | null = null;
  let found: { head: BackupHead; tail: BackupTail } | null = null;
  try {
    for await (const piece of readBackup(source)) {
      signal.throwIfAborted();
      if (piece.kind === 'head') receiver = await Receiver.begin(node, piece.head);
      else if (piece.kind === 'data') await receiver?.data(piece.bytes);
      else if (receiver) {
        terminal.err('The backup is complete. Preparing its data for the new cluster.\n');
        await receiver.finish(piece.tail, signal);
        found = { head: receiver.head, tail: piece.tail };
      }
    }
    if (receiver === null || found === null) throw new Error('a backup without an end was read');
    await placeSnapshot(node, { logger: silentLogger });
    const { secret, adminToken } = clusterFiles(directory);
    if (secretFile !== undefined) await copySecret(resolve(context.cwd, secretFile), secret);
    const token = await ensureSecrets(directory);
    await writeIdentity(node, { cluster: newClusterId(), founder: true });
    await receiver.execute(newClusterSql(Buffer.from((await readFile(secret, 'utf8')).trim())), signal);
    await syncTree(directory);
    terminal.out(`admin token: ${token ?? adminToken}\n`);
    return found;
  } catch (error) {
    await receiver?.discard();
    throw error;
  }
}

/** Of one write of a file; the default of 16 KiB makes it many. */
const UNPACKED_BYTES = 256 * 1024;

/** Puts the data of a backup into the directory of its new node. */
class Receiver {
  readonly head: BackupHead;
  readonly #binary: ServerBinary;
  readonly #place: SnapshotPlace;
  readonly #incoming: IncomingSnapshot;
  readonly #gunzip = createGunzip({ chunkSize: UNPACKED_BYTES });
  readonly #unpacked: Promise<void>;

  /** @throws SkeinError RESTORE_VERSION, SNAPSHOT_NO_SPACE, and as obtainServer and obtainBackupPrograms do */
  static async begin(node: string, head: BackupHead): Promise<Receiver> {
    const cacheDir = await chooseCacheDir({ projectDir: installationDirectory });
    const modules = { logger: silentLogger };
    const binary = await obtainServer({ cacheDir }, modules);
    const { flavour: kind, version } = head.server;
    if (binary.flavour !== kind || !fitsServer(binary.version, version)) {
      throw new SkeinError(
        'RESTORE_VERSION',
        `The backup is of ${kind} ${version}, and the server here is ${binary.flavour} ${binary.version} (${binary.command}). It has to be of the same series, and not older. SKEIN_SERVER names another one.`,
      );
    }
    const programs = await obtainBackupPrograms({ server: binary, cacheDir }, modules);
    const user = await chooseServerUser(node, { binary, ...modules });
    const place = { directory: node, programs, serverVersion: binary.version, user };
    const incoming = await IncomingSnapshot.begin(
      place,
      { bytesExpected: head.dataBytes },
      {
        ...modules,
        rollBackPrepared: (data, signal) =>
          rollBackPrepared(data, { binary, user, program: flavour.program }, signal),
      },
    );
    return new Receiver(head, { binary, place, incoming });
  }

  private constructor(
    head: BackupHead,
    parts: { binary: ServerBinary; place: SnapshotPlace; incoming: IncomingSnapshot },
  ) {
    this.head = head;
    this.#binary = parts.binary;
    this.#place = parts.place;
    this.#incoming = parts.incoming;
    this.#unpacked = this.#unpack();
    this.#unpacked.catch(() => {});
  }

  async #unpack(): Promise<void> {
    for await (const piece of this.#gunzip) await this.#incoming.write(piece as Buffer);
  }

  /** Resolves when there is room for more. */
  async data(bytes: Buffer): Promise<void> {
    if (this.#gunzip.write(bytes)) return;
    await Promise.race([once(this.#gunzip, 'drain'), this.#unpacked]);
  }

  async finish({ position, epochs, contentBytes }: BackupTail, signal: AbortSignal): Promise<void> {
    this.#gunzip.end();
    await this.#unpacked;
    const about = { history: { position, epochs } };
    await this.#incoming.finish({ gtid: position.gtid, bytes: contentBytes, about }, { signal });
  }

  /** Runs statements in a server without network, without logging them. */
  async execute(statements: readonly string[], signal: AbortSignal): Promise<void> {
    const data = join(this.#place.directory, 'data');
    const { program } = flavour;
    const run = program.statements(this.#binary, data, statements);
    await runOffline({ binary: this.#binary, program }, data, run, this.#place.user, signal);
  }

  async discard(): Promise<void> {
    this.#gunzip.destroy();
    await this.#incoming.discard();
  }
}

/**
 * Passwords of the node's accounts are derived from the cluster's secret, so the accounts are made again with the new one.
 * The old tokens are removed; the first start stores the new admin token, because the table is empty then.
 */
function newClusterSql(secret: Buffer): string[] {
  const accounts = flavour.accounts.accountStatements((name) => accountPassword(secret, name));
  return [...accounts, 'DELETE FROM skein.tokens'];
}

async function copySecret(from: string, to: string): Promise<void> {
  const text = (await readFile(from, 'utf8').catch(() => '')).trim();
  if (text === '') throw new UsageError(`--secret: ${from} holds no secret, or cannot be read.`);
  await replaceFile(to, `${text}\n`);
}
