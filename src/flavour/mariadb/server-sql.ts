import type { ServerSql } from '../server-sql.js';
import { applierWorkers, longReaders, restartApplier } from './applier-sessions.js';
import { areOrdinaryTables, branchNames, lastWritten, SHARED_LOCK_NO_WAIT } from './client-sessions.js';
import { COMPARISON_SETTINGS, snapshotGtid, snapshotPlace } from './comparison.js';
import { doubtOfDdl } from './ddl-traces.js';
import { settleFormerPrimary } from './former-primary.js';
import { beginAt, fileBegin, finishLogReset, gtidAt, keepLogs, logBegin } from './own-log.js';
import { partitionIds, recoverReplica, resetLogAfter } from './replica-recovery.js';
import {
  becomeReplica,
  closeForWrites,
  followEndpoint,
  openAsPrimary,
  startReplica,
  stopFollowing,
  writeAgain,
} from './role-switch.js';
import {
  clientStatements,
  closeSessions,
  committingSessions,
  endSession,
  killQuery,
  threadsBeforeLogin,
} from './server-sessions.js';
import { batchCommits, replicaThreads, serverReading, waitForAcknowledgements } from './server-status.js';
import { finishBranch, isFreeOfXa, logRollback, preparedBranches, prepareStandIn } from './xa-branches.js';

export const mariadbSql: ServerSql = {
  positions: { logged: '@@global.gtid_binlog_pos', applied: '@@global.gtid_slave_pos' },
  ...{ serverReading, replicaThreads },
  ...{ logBegin, fileBegin, gtidAt, beginAt, keepLogs },
  ...{ waitForAcknowledgements, openAsPrimary, closeForWrites, writeAgain, becomeReplica },
  ...{
    followEndpoint,
    stopFollowing,
    startReplica,
    batchCommits,
    restartApplier,
    applierWorkers,
    longReaders,
  },
  ...{ finishLogReset, recoverReplica, settleFormerPrimary, resetLogAfter, partitionIds, doubtOfDdl },
  ...{ preparedBranches, isFreeOfXa, finishBranch, prepareStandIn, logRollback },
  ...{ closeSessions, endSession, killQuery, clientStatements, committingSessions, threadsBeforeLogin },
  ...{ lastWritten, areOrdinaryTables, sharedLockNoWait: SHARED_LOCK_NO_WAIT, branchNames },
  ...{ comparisonSettings: COMPARISON_SETTINGS, snapshotPlace, snapshotGtid },
};
