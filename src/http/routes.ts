/** Which handler serves which definition. */
import { ENDPOINTS, type EndpointName } from './endpoints/all.js';
import type { EndpointDefinition } from './endpoints/definition.js';
import { handleBackup } from './handlers/backup.js';
import { handleCluster, handleEvents, handleHistory } from './handlers/cluster.js';
import type { Handler } from './handlers/context.js';
import { handleDump } from './handlers/dump.js';
import { handleHealth, handlePrimary, handleReady, handleReplica } from './handlers/health.js';
import {
  handleCreateJoinToken,
  handleJoin,
  handleListJoinTokens,
  handleRevokeJoinToken,
} from './handlers/joining.js';
import { handleAudit, handleLogs } from './handlers/lines.js';
import { handleMaintenance } from './handlers/maintenance.js';
import { handleAddMember, handleListMembers, handleRemoveMember } from './handlers/members.js';
import { handleMetrics } from './handlers/metrics.js';
import { handleCancelReseed, handleReseed } from './handlers/nodes.js';
import { handleOpenApi } from './handlers/openapi.js';
import { handleOutcome } from './handlers/outcomes.js';
import { handlePromote } from './handlers/promote.js';
import { handleRows, handleSchema, handleTable } from './handlers/schema.js';
import { handleSql } from './handlers/sql.js';
import { handleEndStatement, handleStatements } from './handlers/statements.js';
import { handleSwitchover } from './handlers/switchover.js';
import {
  handleCreateToken,
  handleDeleteToken,
  handleListTokens,
  handleOwnToken,
  handleRotateToken,
} from './handlers/tokens.js';
import { handleCommit, handleOpenTransaction, handleRollback } from './handlers/transactions.js';
import { handleCreateUser, handleDropUser, handleListUsers, handleRotateUser } from './handlers/users.js';
import { handleCancelVerify, handleGetVerify, handleStartVerify } from './handlers/verify.js';

const HANDLERS: Readonly<Record<EndpointName, Handler>> = {
  postSql: handleSql,
  postTx: handleOpenTransaction,
  postTxCommit: handleCommit,
  postTxRollback: handleRollback,
  getOutcome: handleOutcome,
  getSchema: handleSchema,
  getTable: handleTable,
  getRows: handleRows,
  getCluster: handleCluster,
  getEvents: handleEvents,
  getHistory: handleHistory,
  getStatements: handleStatements,
  deleteStatement: handleEndStatement,
  getMembers: handleListMembers,
  postMembers: handleAddMember,
  deleteMember: handleRemoveMember,
  getLogs: handleLogs,
  getAudit: handleAudit,
  getMetrics: handleMetrics,
  getDump: handleDump,
  getBackup: handleBackup,
  getTokens: handleListTokens,
  getOwnToken: handleOwnToken,
  postTokens: handleCreateToken,
  rotateToken: handleRotateToken,
  deleteToken: handleDeleteToken,
  getJoinTokens: handleListJoinTokens,
  postJoinTokens: handleCreateJoinToken,
  deleteJoinToken: handleRevokeJoinToken,
  postJoin: handleJoin,
  getUsers: handleListUsers,
  postUsers: handleCreateUser,
  rotateUser: handleRotateUser,
  deleteUser: handleDropUser,
  getVerify: handleGetVerify,
  postVerify: handleStartVerify,
  deleteVerify: handleCancelVerify,
  postSwitchover: handleSwitchover,
  reseedNode: handleReseed,
  cancelReseed: handleCancelReseed,
  postMaintenance: handleMaintenance,
  postPromote: handlePromote,
  getOpenApi: handleOpenApi,
  getHealth: handleHealth,
  getReady: handleReady,
  getPrimary: handlePrimary,
  getReplica: handleReplica,
};

export const ROUTES: readonly (readonly [EndpointDefinition, Handler])[] = (
  Object.keys(ENDPOINTS) as EndpointName[]
).map((name) => [ENDPOINTS[name], HANDLERS[name]]);
