import { type DescriptorBudget, descriptorBudget } from '../config/descriptor-budget.js';
import type { HttpLimits } from '../config/http-limits.js';
import { httpLimits } from '../config/http-settings.js';
import type { NodeConfig } from '../config/node-config.js';
import { descriptorLimit } from '../std/descriptor-limit.js';
import type { Logger } from '../std/logger.js';

/** What fits into the limit of descriptors; said when that is less than was wanted. */
export function budgetOf(config: NodeConfig, logger: Logger): DescriptorBudget {
  const limit = descriptorLimit();
  const wanted = {
    httpSessionsPerRole: config.httpSessionsPerRole,
    httpConnectionsMax: config.httpConnectionsMax,
    mysqlConnectionsMax: config.mysqlConnectionsMax,
  };
  const budget = descriptorBudget(limit, wanted);
  if (JSON.stringify(budget) !== JSON.stringify(wanted)) {
    logger.warn(
      { limit, wanted, budget },
      'the limit of open files leaves room for fewer clients than wanted',
    );
  }
  return budget;
}

/** The configured limits of HTTP with the connections that fit; one address keeps its share of them. */
export function limitsWithin({ httpConnectionsMax }: DescriptorBudget, config: NodeConfig): HttpLimits {
  const limits = httpLimits(config);
  const { connectionsMax, connectionsPerAddressMax } = limits;
  const perAddress = Math.floor((httpConnectionsMax * connectionsPerAddressMax) / connectionsMax);
  return {
    ...limits,
    connectionsMax: httpConnectionsMax,
    connectionsPerAddressMax: Math.max(1, perAddress),
  };
}
