import { spawn } from 'node:child_process';
import { basename } from 'node:path';
import type { Readable } from 'node:stream';
import { SkeinError } from '../model/error.js';

/** A line, or a piece of a long one, each byte as one character: values of any character set and of any bytes stay what they are. */
export interface LinePiece {
  /** With its line break, when it ends the line. */
  readonly text: string;
  readonly beginsLine: boolean;
}

/** A row is one line, and may hold a value of a gigabyte. */
const PIECE_CHARS = 64 * 1024;
const ROWS = ['--no-defaults', '--base64-output=decode-rows', '--verbose'];
const KEPT_ERROR_CHARS = 1_000;

/**
 * What mariadb-binlog prints of one file of a binary log.
 * @throws SkeinError LOG_UNREADABLE when the program fails, unless the reader has stopped before; the signal's reason
 */
export async function* printedLog(
  file: string,
  program: string,
  signal: AbortSignal,
): AsyncGenerator<LinePiece> {
  const child = spawn(program, [...ROWS, file], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: process.env.PATH ?? '/usr/bin:/bin', LC_ALL: 'C' },
    signal,
    killSignal: 'SIGKILL',
  });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said = (said + text).slice(-KEPT_ERROR_CHARS);
  });
  const ended = new Promise<string | null>((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('close', (code, killedBy) =>
      resolve(code === 0 ? null : `${basename(program)} ended with ${code ?? killedBy}: ${said.trim()}`),
    );
  });
  let isRead = false;
  try {
    yield* linePieces(child.stdout);
    isRead = true;
  } finally {
    if (!isRead) child.kill('SIGKILL');
  }
  const failure = await ended;
  signal.throwIfAborted();
  if (failure !== null) throw new SkeinError('LOG_UNREADABLE', failure);
}

export async function* linePieces(source: Readable): AsyncGenerator<LinePiece> {
  let rest = '';
  let beginsLine = true;
  for await (const chunk of source as AsyncIterable<Buffer>) {
    rest += chunk.toString('latin1');
    let from = 0;
    for (;;) {
      const end = rest.indexOf('\n', from);
      const isWhole = end >= 0;
      if (!isWhole && rest.length - from < PIECE_CHARS) break;
      const to = isWhole ? end + 1 : rest.length;
      yield { text: rest.slice(from, to), beginsLine };
      beginsLine = isWhole;
      from = to;
    }
    rest = rest.slice(from);
  }
  if (rest !== '') yield { text: rest, beginsLine };
}
