import type { NodeParts } from './role-node.js';

/** The settings that both ends of a link take from the node. */
export function linkSettings({ config, secret, linkTls, clusterId }: NodeParts) {
  const { name, heartbeatIntervalMs, goneAfterMs } = config;
  const cluster = `${config.cluster} ${clusterId}`;
  return { tls: linkTls, cluster, secret, node: name, heartbeatIntervalMs, goneAfterMs };
}
