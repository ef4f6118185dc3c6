import type { NodeParts } from './role-node.js';

/** What both ends of a link take from the node. */
export function linkSettings({ config, secret, linkTls }: NodeParts) {
  const { cluster, name, heartbeatIntervalMs, goneAfterMs } = config;
  return { tls: linkTls, cluster, secret, node: name, heartbeatIntervalMs, goneAfterMs };
}
