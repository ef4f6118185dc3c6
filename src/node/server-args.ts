import type { NodeConfig } from '../config/node-config.js';
import { initConnectArg } from '../server-process/settings.js';

/** Options of the managed server that follow from the node's configuration; the later ones win. */
export function ownServerArgs(config: NodeConfig): string[] {
  return [
    ...roomForClients(config),
    ...tmpTableArgs(config),
    ...config.serverArgs,
    initConnectArg(config.serverArgs),
    SEMI_SYNC_OFF,
  ];
}

/** The ports' limits come first, so that clients are told by them, and Skein's own sessions always find room. */
function roomForClients(config: NodeConfig): string[] {
  const ports = config.mysqlPorts ? 2 * config.mysqlConnectionsMax : 0;
  return [`--max-connections=${ports + ROLES * config.httpSessionsPerRole + OWN_SESSIONS_MAX}`];
}

/** A client may ask for less; without a maximum it could ask for more. */
function tmpTableArgs(config: NodeConfig): string[] {
  const bytes = Math.floor(config.serverTmpBytesMax / 2);
  return [`--tmp-disk-table-size=${bytes}`, `--maximum-tmp-disk-table-size=${bytes}`];
}

/** Each has a pool of HTTP's sessions. */
const ROLES = 3;
/** The node's control, what kills sessions, dumps and the server's own threads, with a margin. */
const OWN_SESSIONS_MAX = 200;

/**
 * At the start no commit waits for an acknowledgement: a replica's own threads never may (seen on 10.11: "Waiting for
 * semi-sync ACK from slave" in a worker), and a primary is told to before it opens (waitForAcknowledgements).
 */
const SEMI_SYNC_OFF = '--rpl-semi-sync-master-enabled=0';
