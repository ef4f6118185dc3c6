import { SkeinError } from '../model/error.js';

/**
 * Descriptors are a budget: each connection takes some, and a node that has none left can neither write its log nor accept a
 * link. So the node first reserves what it needs itself, and clients share the rest.
 */
export interface DescriptorBudget {
  /** Sessions of HTTP with the local server, for each of the three roles. */
  readonly httpSessionsPerRole: number;
  readonly httpConnectionsMax: number;
  /** Of each of the two MySQL ports. */
  readonly mysqlConnectionsMax: number;
}

/** Descriptors that clients never get. */
const RESERVED = {
  /**
   * Node.js itself and its threads, standard streams, listeners, log, audit trail and spool: 36 to 41 were counted on idle
   * nodes.
   */
  node: 48,
  /** Eight replicas, and 32 connections that have not authenticated yet. */
  links: 48,
  /** The endpoint's connections, the dump, sessions of the node's own control. */
  server: 16,
  /** Clients that are being refused: 16 of HTTP, 8 of each MySQL port. */
  refusals: 32,
  /** Files that are read for a moment: logs, audit trail, certificates; pipes of a child process. */
  moments: 24,
};
const RESERVED_ALL = Object.values(RESERVED).reduce((sum, count) => sum + count, 0);
/** With fewer descriptors, only a handful of clients would fit. */
export const DESCRIPTORS_MIN = RESERVED_ALL + 64;
/** All limits at their defaults fit into it. */
const DESCRIPTORS_ENOUGH = 4096;
const ROLES = 3;
const PORTS = 2;
/** On a replica each request may be passed on over a connection of its own. */
const PER_HTTP_CONNECTION = 2;
/** The client's side and the server's. */
const PER_MYSQL_CONNECTION = 2;

/**
 * Reduces the wanted limits to what fits into `limit` descriptors (null: not known, everything fits).
 * @throws SkeinError DESCRIPTORS_TOO_FEW
 */
export function descriptorBudget(limit: number | null, wanted: DescriptorBudget): DescriptorBudget {
  if (limit === null) return wanted;
  requireDescriptors(limit);
  const forClients = limit - RESERVED_ALL;
  const sessions = Math.min(ROLES * wanted.httpSessionsPerRole, Math.floor(forClients / 4));
  const rest = forClients - sessions;
  const http = Math.min(wanted.httpConnectionsMax, Math.floor(rest / 2 / PER_HTTP_CONNECTION));
  const left = rest - http * PER_HTTP_CONNECTION;
  return {
    httpSessionsPerRole: Math.floor(sessions / ROLES),
    httpConnectionsMax: http,
    mysqlConnectionsMax: Math.min(
      wanted.mysqlConnectionsMax,
      Math.floor(left / (PORTS * PER_MYSQL_CONNECTION)),
    ),
  };
}

/** @throws SkeinError DESCRIPTORS_TOO_FEW */
export function requireDescriptors(limit: number | null): void {
  if (limit === null || limit >= DESCRIPTORS_MIN) return;
  throw new SkeinError(
    'DESCRIPTORS_TOO_FEW',
    `This process may open ${limit} files and sockets; a node needs at least ${DESCRIPTORS_MIN}, and ${DESCRIPTORS_ENOUGH} for all its clients. Raise the limit: \`ulimit -n ${DESCRIPTORS_ENOUGH}\` in the shell that starts it, LimitNOFILE=65536 in a systemd unit, or --ulimit nofile=65536 for a container.`,
    { data: { limit, needed: DESCRIPTORS_MIN } },
  );
}
