/** Which handler serves which definition. */

import { getCluster, getEvents, getLogs } from './endpoints/cluster.js';
import type { EndpointDefinition } from './endpoints/definition.js';
import { getHealth, getPrimary, getReady, getReplica } from './endpoints/health.js';
import { getMetrics } from './endpoints/metrics.js';
import { postSql } from './endpoints/sql.js';
import { deleteToken, getTokens, postTokens, rotateToken } from './endpoints/tokens.js';
import { handleCluster, handleEvents, handleLogs } from './handlers/cluster.js';
import type { Handler } from './handlers/context.js';
import { handleHealth, handlePrimary, handleReady, handleReplica } from './handlers/health.js';
import { handleMetrics } from './handlers/metrics.js';
import { handleSql } from './handlers/sql.js';
import {
  handleCreateToken,
  handleDeleteToken,
  handleListTokens,
  handleRotateToken,
} from './handlers/tokens.js';

export const ROUTES: readonly (readonly [EndpointDefinition, Handler])[] = [
  [postSql, handleSql],
  [getCluster, handleCluster],
  [getEvents, handleEvents],
  [getLogs, handleLogs],
  [getMetrics, handleMetrics],
  [getTokens, handleListTokens],
  [postTokens, handleCreateToken],
  [rotateToken, handleRotateToken],
  [deleteToken, handleDeleteToken],
  [getHealth, handleHealth],
  [getReady, handleReady],
  [getPrimary, handlePrimary],
  [getReplica, handleReplica],
];
