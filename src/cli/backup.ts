import { type FileHandle, open, rename, rm, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import type { BackupHead, BackupTail } from '../backup/backup-head.js';
import { readBackup } from '../backup/read-backup.js';
import { messageOf, SkeinError } from '../model/error.js';
import { formatPosition } from '../model/position.js';
import type { ClusterStatus } from '../model/status.js';
import { bytesText } from '../std/bytes-text.js';
import { exists, sweepTemporary, syncPath, temporaryName } from '../std/files.js';
import { backupInput } from './backup-input.js';
import type { Command, CommandContext } from './command.js';
import { clientOf, type NodeClient } from './node-client.js';
import { UsageError } from './usage-error.js';

export const backupCommand: Command = {
  usage: '<file|directory|-> [--node <url>] | verify <file|->',
  description: `Copies a whole node as it lies on the disk: all databases, with accounts and tokens, at one position. It is faster than a dump, and is restored with \`skein restore\` into a new cluster.
Without --node a replica is asked, so that the backup costs the primary nothing. The cluster goes on meanwhile.
The file is checked while it arrives, and gets its name when it is complete and on the disk. \`verify\` checks it again, without restoring it.`,
  options: {
    node: { type: 'string', value: '<url>', help: 'the node to copy (default: a replica; else SKEIN_URL)' },
  },
  examples: [
    ['skein backup /backups', 'a new file in this directory'],
    ['skein backup - | ssh host "cat > all.backup"', 'to standard output'],
    ['skein backup verify all.backup', 'whether it is complete, and what it contains'],
  ],
  positionals: [1, 2],

  async run(context, values) {
    const [first = '', second] = values.positionals;
    if (first === 'verify') {
      if (second === undefined) throw new UsageError('backup verify: name the file.');
      return verify(context, second);
    }
    if (second !== undefined) throw new UsageError(`"${second}" is one argument too many.`);
    return backup(context, await donorOf(context, values.text('node')), first);
  },
};

/** The named node; else a replica that can be copied; else the node that SKEIN_URL names. */
async function donorOf(context: CommandContext, url: string | undefined): Promise<NodeClient> {
  const client = clientOf(context, url);
  if (url !== undefined) return client;
  const { body } = await client.request<ClusterStatus>('GET', '/v1/cluster');
  const replica = body.members.find(
    ({ role, state, server, http, seeding, reason }) =>
      role === 'replica' && state === 'live' && server?.up && http && !seeding && reason === null,
  );
  return replica ? clientOf(context, replica.http) : client;
}

async function backup(context: CommandContext, client: NodeClient, target: string): Promise<number> {
  const bytes = client.bytes('/v1/backup');
  if (target !== '-') {
    const { head, tail, path } = await intoFile(resolve(context.cwd, target), bytes);
    context.terminal.err(`${described(head, tail)}\n${path}\n`);
    return 0;
  }
  if (context.terminal.isTerminal)
    throw new UsageError('A backup is binary data: name a file, or redirect the output.');
  const { head, tail } = await checked(
    passing(bytes, async (chunk) => {
      await context.terminal.write(chunk);
      if (context.terminal.isGone()) {
        throw new SkeinError('BACKUP_NOT_WRITTEN', 'The output was closed before the backup was complete.');
      }
    }),
  );
  context.terminal.err(`${described(head, tail)}\n`);
  return 0;
}

async function verify(context: CommandContext, file: string): Promise<number> {
  const source = await backupInput(context, file);
  const { head, tail } = await checked(source);
  context.terminal.out(`${described(head, tail)}\nIt is whole.\n`);
  return 0;
}

/** @throws SkeinError BACKUP_EXISTS, and what the reader of a backup throws; no file is left then */
async function intoFile(
  target: string,
  bytes: AsyncIterable<Uint8Array>,
): Promise<{ head: BackupHead; tail: BackupTail; path: string }> {
  const into = await stat(target).catch(() => null);
  const asDirectory = into?.isDirectory() === true;
  if (into !== null && !asDirectory) throw alreadyThere(target);
  // The final name is known after the first bytes; the temporary file is in the same directory.
  const temporary = temporaryName(asDirectory ? join(target, 'skein.backup') : target);
  if (!asDirectory) await sweepTemporary(target);
  let handle: FileHandle | null = null;
  try {
    const file = await open(temporary, 'wx', 0o600);
    handle = file;
    const { head, tail } = await checked(
      passing(bytes, async (chunk) => {
        await file.write(chunk);
      }),
    );
    await file.sync();
    await file.close();
    handle = null;
    const path = asDirectory ? join(target, nameOf(head)) : target;
    if (await exists(path)) throw alreadyThere(path);
    await rename(temporary, path);
    await syncPath(dirname(path));
    return { head, tail, path };
  } catch (error) {
    await handle?.close().catch(() => {});
    await rm(temporary, { force: true });
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
    throw new SkeinError('BACKUP_NOT_WRITTEN', `There is no space left for ${target}: ${messageOf(error)}`, {
      cause: error,
    });
  }
}

/** `skein-demo-20260131T120000Z.backup` */
function nameOf({ cluster, began }: BackupHead): string {
  return `skein-${cluster.replace(/[^\w.-]/g, '_')}-${began.replace(/\.\d+/, '').replace(/[-:]/g, '')}.backup`;
}

function alreadyThere(path: string): SkeinError {
  return new SkeinError('BACKUP_EXISTS', `${path} exists already. Name another file, or remove it.`);
}

async function* passing(
  source: AsyncIterable<Uint8Array>,
  sink: (chunk: Uint8Array) => Promise<void>,
): AsyncGenerator<Uint8Array> {
  for await (const chunk of source) {
    await sink(chunk);
    yield chunk;
  }
}

async function checked(source: AsyncIterable<Uint8Array>): Promise<{ head: BackupHead; tail: BackupTail }> {
  let head: BackupHead | null = null;
  for await (const piece of readBackup(source)) {
    if (piece.kind === 'head') head = piece.head;
    if (piece.kind === 'tail' && head !== null) return { head, tail: piece.tail };
  }
  throw new SkeinError('BACKUP_CUT', 'The backup is incomplete: its last part is missing.');
}

function described(head: BackupHead, tail: BackupTail): string {
  const { cluster, node, began, server, skein } = head;
  return [
    `Backup of the cluster "${cluster}", taken from ${node} at ${began}`,
    `position ${formatPosition(tail.position)}`,
    `${bytesText(tail.contentBytes)} of data in ${bytesText(tail.storedBytes)}`,
    `${server.flavour} ${server.version}, Skein ${skein}`,
  ].join('\n');
}
