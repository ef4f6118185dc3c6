/** Makes the `node.json` of a node that was set up. */
import { join } from 'node:path';
import type { NodeConfigInput } from '../../config/node-config.js';
import type { AcknowledgeLevel } from '../../model/status.js';
import type { NodePorts } from './options.js';

export interface PlannedNode {
  readonly name: string;
  readonly cluster: string;
  readonly directory: string;
  readonly listen: string;
  /** Host by which others reach it. */
  readonly host: string;
  readonly ports: NodePorts;
  readonly acknowledge: AcknowledgeLevel;
  /** Whether it has the cluster's first token. */
  readonly hasAdminToken: boolean;
  /** Where it finds the others; null for the first node. */
  readonly contact: { readonly host: string; readonly port: number } | null;
  readonly tls: NodeConfigInput['tls'];
  readonly server: string | null;
  readonly witness?: boolean;
}

/** Files of a node that was set up; relative names, from its directory. */
export const FILES = {
  secret: 'cluster.secret',
  adminToken: 'admin.token',
  certificate: 'tls/node.crt',
  key: 'tls/node.key',
  ca: 'tls/ca.crt',
  caKey: 'tls/ca.key',
} as const;

export function nodeFile(node: PlannedNode): NodeConfigInput {
  const { name, cluster, directory, listen, host, ports, acknowledge, contact, tls, server, witness } = node;
  return {
    name,
    cluster,
    directory,
    acknowledge,
    http: { host: listen, port: ports.http },
    link: { host: listen, port: ports.link },
    ...(witness && { witness }),
    ...(server !== null && { server }),
    mysqlPorts: ports.mysql && { host: listen, ...ports.mysql },
    advertise: host === listen ? null : host,
    contact,
    secretFile: join(directory, FILES.secret),
    adminTokenFile: node.hasAdminToken ? join(directory, FILES.adminToken) : null,
    tls: tls ?? null,
  };
}
