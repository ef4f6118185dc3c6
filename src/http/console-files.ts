/** The console's files, from one flat directory. Only plain names of known types: nothing else can be reached. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

const TYPES: Readonly<Record<string, string>> = {
  html: 'text/html; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  css: 'text/css; charset=utf-8',
  svg: 'image/svg+xml',
};
const NAME = /^[a-z0-9][a-z0-9_-]{0,60}(?:\.[a-z0-9_-]{1,20}){0,2}\.(html|js|css|svg)$/i;

/** Only our own files. The page talks to its own node, and to the other members when that does not answer. */
export function consoleHeaders(memberOrigins: ReadonlySet<string>): Readonly<Record<string, string>> {
  const connect = ["'self'", ...memberOrigins].join(' ');
  return {
    'content-security-policy': `default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src ${connect}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
    'referrer-policy': 'no-referrer',
    'cache-control': 'no-cache',
  };
}

export interface ConsoleFile {
  readonly type: string;
  readonly bytes: Buffer;
}

/** Null when there is no such file. */
export async function readConsoleFile(directory: string, name: string): Promise<ConsoleFile | null> {
  const extension = NAME.exec(name)?.[1];
  const type = extension === undefined ? undefined : TYPES[extension.toLowerCase()];
  if (type === undefined) return null;
  try {
    return { type, bytes: await readFile(join(directory, name)) };
  } catch {
    return null;
  }
}
