import type { DescriptorBudget } from '../config/descriptor-budget.js';
import type { HttpLimits } from '../config/http-limits.js';
import { httpLimits } from '../config/http-settings.js';
import type { NodeConfig } from '../config/node-config.js';

/** The configured limits of HTTP with the connections that fit; one address keeps its share of them. */
export function httpLimitsWithin({ httpConnectionsMax }: DescriptorBudget, config: NodeConfig): HttpLimits {
  const limits = httpLimits(config);
  const { connectionsMax, connectionsPerAddressMax } = limits;
  const perAddress = Math.floor((httpConnectionsMax * connectionsPerAddressMax) / connectionsMax);
  return {
    ...limits,
    connectionsMax: httpConnectionsMax,
    connectionsPerAddressMax: Math.max(1, perAddress),
  };
}
