import { join } from 'node:path';
import type { NodeConfigInput } from '../../config/node-config.js';
import { MEMBERS_MAX } from '../../model/members.js';
import type { AcknowledgeLevel } from '../../model/status.js';
import { UsageError } from '../usage-error.js';

/** A local cluster as it is asked for. */
export interface DemoOptions {
  /** Absolute. */
  readonly directory: string;
  readonly httpPort: number;
  readonly mysqlPort: number;
  readonly linkPort: number;
  readonly replicas: number;
  readonly acknowledge: AcknowledgeLevel;
  /** As node.json has it; null or absent = each node's own setting, else SKEIN_SERVER. */
  readonly server?: string | null;
}

export interface PlannedNode {
  readonly name: string;
  readonly directory: string;
  readonly url: string;
  readonly config: NodeConfigInput;
}

export const REPLICAS_MAX = MEMBERS_MAX - 1;

const HOST = '127.0.0.1';
const PORT_MAX = 65_535;
/** Read-write and read-only port of a node lie side by side, those of the next one ten higher. */
const MYSQL_PORT_STEP = 10;

export const clusterFiles = (directory: string) => ({
  secret: join(directory, 'cluster.secret'),
  adminToken: join(directory, 'admin.token'),
  mysqlOptions: join(directory, 'mysql.cnf'),
  lock: join(directory, 'demo.lock'),
});

/**
 * Names, ports and configuration of each node: node i is n(i+1), HTTP and link ports +i, MySQL ports +10i.
 * @throws UsageError when two of the ports are the same or one is no port
 */
export function planDemo(options: DemoOptions): PlannedNode[] {
  const names = Array.from({ length: options.replicas + 1 }, (_, at) => `n${at + 1}`);
  refuseOverlap(names, options);
  const files = clusterFiles(options.directory);
  return names.map((name, at) => ({
    name,
    directory: join(options.directory, name),
    url: `http://${HOST}:${options.httpPort + at}`,
    config: {
      name,
      cluster: 'demo',
      directory: join(options.directory, name),
      acknowledge: options.acknowledge,
      ...(options.server && { server: options.server }),
      http: { host: HOST, port: options.httpPort + at },
      link: { host: HOST, port: options.linkPort + at },
      routes: routesOf(name, options),
      contact: contactOf(at, options),
      secretFile: files.secret,
      adminTokenFile: files.adminToken,
      mysqlPorts: {
        host: HOST,
        readWrite: options.mysqlPort + at * MYSQL_PORT_STEP,
        readOnly: options.mysqlPort + at * MYSQL_PORT_STEP + 1,
      },
    },
  }));
}

/** The first node needs one when its directory was lost. */
function contactOf(at: number, { linkPort }: DemoOptions): { host: string; port: number } | null {
  const port = at === 0 ? linkPort + 1 : linkPort;
  return port <= PORT_MAX ? { host: HOST, port } : null;
}

/**
 * Where the others are: after a start on other ports, no primary is there from which the nodes could learn that. It names all
 * possible nodes, so that a node does not need a restart when the cluster grows.
 */
function routesOf(own: string, { linkPort }: DemoOptions): Record<string, { host: string; port: number }> {
  const all = Array.from({ length: 1 + REPLICAS_MAX }, (_, at) => [`n${at + 1}`, linkPort + at] as const);
  const others = all.filter(([name, port]) => name !== own && port <= PORT_MAX);
  return Object.fromEntries(others.map(([name, port]) => [name, { host: HOST, port }]));
}

/** The nodes of the directory, by their names, that are beyond what is asked for. */
export function planExtra(options: DemoOptions, present: readonly string[]): PlannedNode[] {
  const highest = Math.max(0, ...present.map((name) => Number(name.slice(1))));
  const all = planDemo({ ...options, replicas: Math.max(options.replicas, highest - 1) });
  return all.slice(options.replicas + 1).filter(({ name }) => present.includes(name));
}

function refuseOverlap(names: readonly string[], options: DemoOptions): void {
  const uses = names.flatMap((name, at): [port: number, use: string][] => [
    [options.httpPort + at, `${name}'s HTTP (--http-port ${options.httpPort})`],
    [options.linkPort + at, `${name}'s link (--link-port ${options.linkPort})`],
    [options.mysqlPort + at * MYSQL_PORT_STEP, `${name}'s MySQL (--mysql-port ${options.mysqlPort})`],
    [options.mysqlPort + at * MYSQL_PORT_STEP + 1, `${name}'s MySQL (--mysql-port ${options.mysqlPort})`],
  ]);
  const seen = new Map<number, string>();
  for (const [port, use] of uses) {
    if (port > PORT_MAX) throw new UsageError(`${use} would be port ${port}, but ports end at ${PORT_MAX}.`);
    const other = seen.get(port);
    if (other !== undefined) {
      throw new UsageError(`Port ${port} would be both ${other} and ${use}; move one of them.`);
    }
    seen.set(port, use);
  }
}
