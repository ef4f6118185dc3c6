/** All endpoints by the names that they have for clients and in the OpenAPI document (`operationId`). */
import { getAudit } from './audit.js';
import { getBackup } from './backup.js';
import { getCluster, getEvents } from './cluster.js';
import type { EndpointDefinition } from './definition.js';
import { getDump } from './dump.js';
import { getHealth, getPrimary, getReady, getReplica } from './health.js';
import { getHistory } from './history.js';
import { deleteJoinToken, getJoinTokens, postJoin, postJoinTokens } from './joining.js';
import { getLogs } from './logs.js';
import { deleteMember, getMembers, postMembers } from './members.js';
import { getMetrics } from './metrics.js';
import { cancelReseed, postMaintenance, postPromote, reseedNode } from './nodes.js';
import { getOpenApi } from './openapi.js';
import { getOutcome } from './outcomes.js';
import { getRows, getSchema, getTable } from './schema.js';
import { postSql } from './sql.js';
import { deleteStatement, getStatements } from './statements.js';
import { postSwitchover } from './switchover.js';
import { deleteToken, getOwnToken, getTokens, postTokens, rotateToken } from './tokens.js';
import { postTx, postTxCommit, postTxRollback } from './transactions.js';
import { deleteUser, getUsers, postUsers, rotateUser } from './users.js';
import { deleteVerify, getVerify, postVerify } from './verify.js';

export const ENDPOINTS = {
  postSql,
  postTx,
  postTxCommit,
  postTxRollback,
  getOutcome,
  getSchema,
  getTable,
  getRows,
  getCluster,
  getEvents,
  getHistory,
  getStatements,
  deleteStatement,
  getMembers,
  postMembers,
  deleteMember,
  getLogs,
  getAudit,
  getMetrics,
  getDump,
  getBackup,
  getTokens,
  getOwnToken,
  postTokens,
  rotateToken,
  deleteToken,
  getJoinTokens,
  postJoinTokens,
  deleteJoinToken,
  postJoin,
  getUsers,
  postUsers,
  rotateUser,
  deleteUser,
  getVerify,
  postVerify,
  deleteVerify,
  postSwitchover,
  reseedNode,
  cancelReseed,
  postMaintenance,
  postPromote,
  getOpenApi,
  getHealth,
  getReady,
  getPrimary,
  getReplica,
} as const satisfies Record<string, EndpointDefinition>;

export type EndpointName = keyof typeof ENDPOINTS;
