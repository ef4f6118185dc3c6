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
function consoleHeaders(memberOrigins: ReadonlySet<string>): Readonly<Record<string, string>> {
  const connect = ["'self'", ...memberOrigins].join(' ');
  return {
    'content-security-policy': `default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src ${connect}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
    'referrer-policy': 'no-referrer',
    'cache-control': 'no-cache',
  };
}

/** The build puts a hash of the content into such a name, so a file of this name never changes. */
const HASHED = /-[\w-]{8}\.(js|css)$/;

export interface ConsoleFile {
  readonly headers: Readonly<Record<string, string>>;
  readonly bytes: Buffer;
}

interface Asked {
  /** The client takes it compressed; it is when the build has left it so. */
  readonly gzip: boolean;
  /** Whom the page may call, besides its own node. */
  readonly memberOrigins: ReadonlySet<string>;
}

/** Null when there is no such file. */
export async function readConsoleFile(
  directory: string,
  name: string,
  { gzip, memberOrigins }: Asked,
): Promise<ConsoleFile | null> {
  const extension = NAME.exec(name)?.[1];
  const type = extension === undefined ? undefined : TYPES[extension.toLowerCase()];
  if (type === undefined) return null;
  const path = join(directory, name);
  const compressed = gzip ? await bytesOf(`${path}.gz`) : null;
  const bytes = compressed ?? (await bytesOf(path));
  if (bytes === null) return null;
  const headers = {
    ...consoleHeaders(memberOrigins),
    'content-type': type,
    vary: 'accept-encoding, origin',
    ...(compressed !== null && { 'content-encoding': 'gzip' }),
    ...(HASHED.test(name) && { 'cache-control': 'public, max-age=31536000, immutable' }),
  };
  return { headers, bytes };
}

async function bytesOf(path: string): Promise<Buffer | null> {
  try {
    return await readFile(path);
  } catch {
    return null;
  }
}
