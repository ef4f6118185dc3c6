import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { rename } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { generateToken } from '../../auth/token.js';
import { resolvedServer } from '../../config/server-setting.js';
import { messageOf, SkeinError } from '../../model/error.js';
import { accountPassword } from '../../mysql-control/accounts.js';
import { readFileIfThere, replaceFile, syncPath } from '../../std/files.js';
import { clusterFiles, type PlannedNode } from './plan.js';

/** 256 bits: cannot be guessed, and as long as the output of the node's HMACs (SHA-256). */
const SECRET_BYTES = 32;

/**
 * Creates the directory of the cluster if need be, and makes sure that files can be made in it.
 * @throws SkeinError DIRECTORY_UNUSABLE
 */
export function prepareDirectory(directory: string): void {
  const probe = join(directory, `.probe-${process.pid}`);
  try {
    mkdirSync(directory, { recursive: true, mode: 0o755 });
    writeFileSync(probe, '');
    rmSync(probe);
  } catch (error) {
    throw new SkeinError(
      'DIRECTORY_UNUSABLE',
      `The directory ${directory} cannot be used: ${messageOf(error)}\nName a directory that this user can write to: --dir <directory>`,
      { cause: error },
    );
  }
}

/** The names of the nodes whose data is in the directory already, in their order. */
export function existingNodes(directory: string): string[] {
  return readdirSync(directory, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && /^n\d+$/.test(entry.name))
    .map(({ name }) => name)
    .sort((a, b) => Number(a.slice(1)) - Number(b.slice(1)));
}

/** The `server` that all nodes of the directory have in their files, which new ones get too; null = none, or not one. */
export function presentServer(directory: string): string | null {
  if (!existsSync(directory)) return null;
  const files = existingNodes(directory).map((name) => join(directory, name, 'node.json'));
  const servers = files.filter(existsSync).map((file) => {
    const { server } = existingSettings(file, readFileSync(file, 'utf8')) as { server?: unknown };
    return resolvedServer(server, dirname(file));
  });
  const [first] = servers;
  return typeof first === 'string' && servers.every((server) => server === first) ? first : null;
}

/** Keeps the files of a node under another name, so that it does not count as one of the cluster's. Returns where they are. */
export async function setAside({ name }: PlannedNode, directory: string): Promise<string> {
  for (let number = 1; ; number++) {
    const kept = join(directory, `removed-${name}-${number}`);
    if (existsSync(kept)) continue;
    await rename(join(directory, name), kept);
    await syncPath(directory);
    return kept;
  }
}

export const hasRunBefore = (node: PlannedNode) => existsSync(join(node.directory, 'data'));

/**
 * The secret of the cluster and the first admin token, each made once.
 * @returns the token if it was made now, so that it can be shown this once; else null
 */
export async function ensureSecrets(directory: string): Promise<string | null> {
  const files = clusterFiles(directory);
  await createOnce(files.secret, randomBytes(SECRET_BYTES).toString('base64url'));
  return await createOnce(files.adminToken, generateToken());
}

/** The content of `admin.token`. */
export function adminToken(directory: string): string {
  return readFileSync(clusterFiles(directory).adminToken, 'utf8').trim();
}

/**
 * An option file for MySQL's own clients: `mariadb --defaults-file=.skein/mysql.cnf -P 6446`. The password is derived from
 * the secret, so the file is written again at each start.
 */
export async function writeMysqlOptions(directory: string, port: number): Promise<void> {
  const files = clusterFiles(directory);
  const secret = Buffer.from(readFileSync(files.secret, 'utf8').trim());
  const text = `# Account "app" of this cluster (reads and writes; only reads through a read-only port).
[client]
protocol=tcp
host=127.0.0.1
port=${port}
user=app
password=${accountPassword(secret, 'app')}
# Clients from 11.4 on insist on TLS otherwise, which a server without a certificate does not have. Loopback only.
loose-ssl-verify-server-cert=0
`;
  if ((await readText(files.mysqlOptions)) !== text) await replaceFile(files.mysqlOptions, text);
}

/** Returns the new content, or null when the file existed. After a kill at any moment the file is complete or absent. */
async function createOnce(file: string, text: string): Promise<string | null> {
  const existing = (await readText(file))?.trim() ?? '';
  if (existing !== '') return null;
  await replaceFile(file, `${text}\n`);
  return text;
}

/** @throws SkeinError DIRECTORY_UNUSABLE: a file that cannot be read is not missing, and must not be overwritten */
async function readText(file: string): Promise<string | null> {
  try {
    return await readFileIfThere(file);
  } catch (error) {
    throw new SkeinError('DIRECTORY_UNUSABLE', `${file} cannot be read: ${messageOf(error)}`, {
      cause: error,
    });
  }
}

/**
 * Writes the node's configuration. Settings that the demo does not decide (heartbeats, sizes, the server's
 * options) stay as the operator wrote them.
 * @returns whether the file changed
 */
export async function writeNodeConfig(node: PlannedNode): Promise<boolean> {
  const file = configFile(node);
  mkdirSync(node.directory, { recursive: true });
  const existing = await readText(file);
  const text = plannedText(node, existing);
  if (existing === text) return false;
  await replaceFile(file, text, { mode: 0o640 });
  return true;
}

export const configFile = (node: PlannedNode) => join(node.directory, 'node.json');

function plannedText(node: PlannedNode, existingText: string | null): string {
  const existing = existingSettings(configFile(node), existingText);
  refuseHttps(existing, node);
  return `${JSON.stringify({ ...existing, ...node.config }, null, 2)}\n`;
}

/** The demo watches its nodes over plain HTTP, and prints such addresses. */
function refuseHttps(settings: object, node: PlannedNode): void {
  const tls = (settings as { tls?: { ports?: readonly string[] } | null }).tls ?? null;
  if (tls === null || (tls.ports !== undefined && !tls.ports.includes('http'))) return;
  throw new SkeinError(
    'CONFIG_INVALID',
    `${configFile(node)}: the nodes of a local cluster speak plain HTTP. Set "ports": ["link", "mysql"] in "tls", or run the nodes with \`skein node\`.`,
  );
}

function existingSettings(file: string, text: string | null): object {
  if (text === null) return {};
  try {
    const settings: unknown = JSON.parse(text);
    return settings !== null && typeof settings === 'object' ? settings : {};
  } catch (error) {
    throw new SkeinError('CONFIG_INVALID', `${file} is not JSON: ${messageOf(error)}`, { cause: error });
  }
}
