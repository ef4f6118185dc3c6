import type { NodeConfig } from '../config/node-config.js';
import { initConnectArg } from '../server-process/settings.js';

/** Options of the managed server that follow from the node's configuration. A later option overrides an earlier one. */
export function ownServerArgs(config: NodeConfig): string[] {
  return [
    ...roomForClients(config),
    ...tmpTableArgs(config),
    ...config.serverArgs,
    initConnectArg(config.serverArgs),
    SEMI_SYNC_OFF,
    ...KEEP_LOGS,
  ];
}

/** Clients reach the limits of the ports before this limit. So the ports refuse them, and Skein's own sessions always fit. */
function roomForClients(config: NodeConfig): string[] {
  const ports = config.mysqlPorts ? 2 * config.mysqlConnectionsMax : 0;
  return [`--max-connections=${ports + ROLES * config.httpSessionsPerRole + OWN_SESSIONS_MAX}`];
}

/** A client may set a lower value. Without a maximum it could also set a higher one. */
function tmpTableArgs(config: NodeConfig): string[] {
  const bytes = Math.floor(config.serverTmpBytesMax / 2);
  return [`--tmp-disk-table-size=${bytes}`, `--maximum-tmp-disk-table-size=${bytes}`];
}

/** Number of token roles. HTTP has a session pool for each. */
const ROLES = 3;
/** Sessions of the node itself: control, kills, dumps, and threads of the server, with a margin. */
const OWN_SESSIONS_MAX = 200;

/**
 * A server starts with semi-synchronous replication off. On a replica the applier must never wait for an acknowledgement
 * (seen on 10.11: "Waiting for semi-sync ACK from slave" in a worker). The node turns it on before a primary opens
 * (waitForAcknowledgements).
 */
const SEMI_SYNC_OFF = '--rpl-semi-sync-master-enabled=0';

/** The server purges no log by itself, because it does not know what other nodes still need (see retention/plan.ts). */
const KEEP_LOGS = ['--expire-logs-days=0', '--loose-max-binlog-total-size=0'];
