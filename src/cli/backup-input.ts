import { open } from 'node:fs/promises';
import { resolve } from 'node:path';
import { messageOf, SkeinError } from '../model/error.js';
import type { CommandContext } from './command.js';

/** The bytes of a backup file; `-` is standard input. @throws SkeinError BACKUP_UNREADABLE */
export async function backupInput(
  { cwd, terminal }: CommandContext,
  file: string,
): Promise<AsyncIterable<Uint8Array>> {
  if (file === '-') return terminal.input();
  try {
    const handle = await open(resolve(cwd, file), 'r');
    return handle.createReadStream({ highWaterMark: 2 ** 20 });
  } catch (error) {
    throw new SkeinError('BACKUP_UNREADABLE', `${file} cannot be read: ${messageOf(error)}`, {
      cause: error,
    });
  }
}
