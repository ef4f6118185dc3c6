import { SkeinError } from '../../model/error.js';
import { livingOwner } from '../../std/pid-file.js';
import { commandOf } from '../../std/process-identity.js';
import { pidFile } from './node-process.js';
import type { PlannedNode } from './plan.js';
import { isPortFree, portOwner } from './port-owner.js';

/**
 * Refuses before anything is started. A port that the node itself holds (it is adopted, or restarted with other
 * settings) is no obstacle.
 * @throws SkeinError PORT_TAKEN naming the owner and what to do
 */
export async function refuseTakenPorts(planned: readonly PlannedNode[]): Promise<void> {
  const ours = new Set(
    planned.map((node) => livingOwner(pidFile(node))?.pid).filter((pid) => pid !== undefined),
  );
  const taken: string[] = [];
  for (const { name, config } of planned) {
    for (const { use, option, host, port } of usesOf(config)) {
      if (await isPortFree(host, port)) continue;
      const owner = portOwner(port);
      if (owner !== null && ours.has(owner.pid)) continue;
      taken.push(`Port ${port} (${name}, ${use}; see ${option}) is taken by ${ownerText(owner)}.`);
    }
  }
  if (taken.length === 0) return;
  throw new SkeinError(
    'PORT_TAKEN',
    `${taken.join('\n')}\nNothing was started. Stop what is there, or choose other ports, for example: npm start -- --http-port 9083 --link-port 9183 --mysql-port 9446`,
  );
}

function usesOf({ http, link, mysqlPorts }: PlannedNode['config']) {
  const uses = [
    { use: 'HTTP', option: '--http-port', ...http },
    { use: 'links', option: '--link-port', ...link },
  ];
  if (!mysqlPorts) return uses;
  const { host, readWrite, readOnly } = mysqlPorts;
  return [
    ...uses,
    { use: 'MySQL', option: '--mysql-port', host, port: readWrite },
    { use: 'MySQL, read-only', option: '--mysql-port', host, port: readOnly },
  ];
}

function ownerText(owner: { pid: number; command: string } | null): string {
  if (owner === null) return 'a process of another user';
  return `process ${owner.pid}${owner.command === '' ? '' : ` (${owner.command})`}`;
}

/** The message of a second demo on the same directory. */
export function inUse(directory: string, pid: number): SkeinError {
  const command = commandOf(pid);
  return new SkeinError(
    'DIRECTORY_IN_USE',
    `${directory} is in use by process ${pid}${command === '' ? '' : ` (${command})`}.\nStop it first (Ctrl-C there, or \`kill ${pid}\`), or start another cluster with --dir <another directory> and other ports.`,
  );
}
