import type { NodeConfig } from '../config/node-config.js';
import type { Flavour } from '../flavour/flavour.js';

/** Options of the managed server that follow from the node's configuration. */
export function ownServerArgs(
  config: NodeConfig,
  { program, accounts }: Pick<Flavour, 'program' | 'accounts'>,
  serverVersion: string,
): string[] {
  return program.nodeArgs({
    connectionsMax: roomForClients(config),
    tmpTableBytesMax: Math.floor(config.serverTmpBytesMax / 2),
    operatorArgs: config.serverArgs,
    atLogin: accounts.readOnlySessions(serverVersion),
  });
}

/** Clients reach the limits of the ports before this limit. So the ports refuse them, and Skein's own sessions always fit. */
function roomForClients(config: NodeConfig): number {
  const ports = config.mysqlPorts ? 2 * config.mysqlConnectionsMax : 0;
  return ports + ROLES * config.httpSessionsPerRole + OWN_SESSIONS_MAX;
}

/** Number of token roles. HTTP has a session pool for each. */
const ROLES = 3;
/** Sessions of the node itself: control, kills, dumps, and threads of the server, with a margin. */
const OWN_SESSIONS_MAX = 200;
