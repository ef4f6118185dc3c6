/** The node that commands talk to when none is named: its address, authority and token. */
import { readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import type { CommandContext } from './command.js';
import { DEFAULT_DIRECTORY } from './setup/options.js';

/** Where a local cluster's first node answers. */
const LOCAL_URL = 'http://127.0.0.1:8083';

export interface KnownNode {
  readonly url: string;
  readonly token: string | null;
  /** PEM. */
  readonly ca: string | undefined;
}

interface NodeFile {
  readonly http?: { readonly host?: string; readonly port?: number };
  readonly advertise?: string | null;
  readonly adminTokenFile?: string | null;
  readonly tls?: { readonly ca?: string | null; readonly ports?: readonly string[] } | null;
}

/**
 * Of the local cluster in `.skein`, else of the node of this machine: the one in SKEIN_DIR, else in /var/lib/skein.
 * SKEIN_URL, SKEIN_TOKEN and SKEIN_CA override this.
 */
export function knownNode({ env, cwd }: Pick<CommandContext, 'env' | 'cwd'>): KnownNode {
  const local = readText(join(cwd, '.skein', 'admin.token'));
  const found =
    env.SKEIN_DIR === undefined && local !== null ? null : nodeIn(cwd, env.SKEIN_DIR ?? DEFAULT_DIRECTORY);
  return {
    url: env.SKEIN_URL ?? found?.url ?? LOCAL_URL,
    token: env.SKEIN_TOKEN?.trim() || (found?.token ?? local),
    ca: env.SKEIN_CA === undefined ? found?.ca : readFileSync(resolve(cwd, env.SKEIN_CA), 'utf8'),
  };
}

/** Null when there is no node, or this user may not read its file. */
function nodeIn(cwd: string, directory: string): KnownNode | null {
  const file = join(resolve(cwd, directory), 'node.json');
  const text = readText(file);
  if (text === null) return null;
  let node: NodeFile;
  try {
    node = JSON.parse(text) as NodeFile;
  } catch {
    return null;
  }
  const { http, advertise, adminTokenFile, tls } = node;
  const path = (name: string | null | undefined) => (name == null ? null : resolve(dirname(file), name));
  const host = advertise ?? http?.host ?? '127.0.0.1';
  const scheme = tls != null && (tls.ports ?? ['http']).includes('http') ? 'https' : 'http';
  return {
    url: `${scheme}://${host.includes(':') ? `[${host}]` : host}:${http?.port ?? 8083}`,
    token: readText(path(adminTokenFile)),
    ca: readText(path(tls?.ca)) ?? undefined,
  };
}

function readText(file: string | null): string | null {
  if (file === null) return null;
  try {
    return readFileSync(file, 'utf8').trim();
  } catch {
    return null;
  }
}
