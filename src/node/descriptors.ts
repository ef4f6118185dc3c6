import { type DescriptorBudget, descriptorBudget } from '../config/descriptor-budget.js';
import type { NodeConfig } from '../config/node-config.js';
import { descriptorLimit } from '../std/descriptor-limit.js';
import type { Logger } from '../std/logger.js';

/**
 * The number of clients that the limit of file descriptors allows. Logs a warning when it is lower than configured.
 * @throws SkeinError DESCRIPTORS_TOO_FEW
 */
export function budgetOf(config: NodeConfig, logger: Logger): DescriptorBudget {
  const limit = descriptorLimit();
  const wanted = {
    httpSessionsPerRole: config.httpSessionsPerRole,
    httpConnectionsMax: config.httpConnectionsMax,
    mysqlConnectionsMax: config.mysqlConnectionsMax,
  };
  const budget = descriptorBudget(limit, wanted);
  if (JSON.stringify(budget) !== JSON.stringify(wanted)) {
    logger.warn({ limit, wanted, budget }, 'the limit of open files allows fewer clients than configured');
  }
  return budget;
}
