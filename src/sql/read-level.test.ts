import { expect, it } from 'vitest';
import type { NodeView } from '../api/node-view.js';
import { mariadb } from '../flavour/mariadb/mariadb.js';
import { SkeinError } from '../model/error.js';
import type { Role } from '../model/status.js';
import type { Connection } from '../mysql-client/connection.js';
import { Cancellation } from '../std/cancellation.js';
import { confirmWhatWasRead, reachReadLevel } from './read-level.js';
import type { ReadPlan } from './request.js';

/** A primary whose role ends while the quorum is asked whether it still is one. */
function linearizableRead(roleAfter: Role) {
  let role: Role = 'primary';
  const node = {
    role: () => role,
    primaryHttp: () => 'http://n2:8080',
    confirmPrimary: async () => {
      role = roleAfter;
      throw new SkeinError('NOT_PRIMARY', 'This node is a replica.');
    },
  } as unknown as NodeView;
  const plan = { read: 'linearizable' } as ReadPlan;
  return reachReadLevel(plan, node, { timeoutMs: 1_000, over: new Cancellation() });
}

it('a linearizable read at a node that has just become a replica names the primary', async () => {
  await expect(linearizableRead('replica')).rejects.toMatchObject({
    status: 421,
    code: 'NOT_PRIMARY',
    details: { primary: 'http://n2:8080', applied: 'no' },
  });
});

it('and may be sent again when the role has only closed', async () => {
  await expect(linearizableRead('primary')).rejects.toMatchObject({
    status: 503,
    code: 'NO_QUORUM',
    details: { retryable: true },
  });
});

it('and may be sent again when the server ends before a quorum has what was read', async () => {
  const node = {
    role: () => 'primary',
    flavour: mariadb,
    waitCommitted: async () => {
      throw new SkeinError(
        'ROLE_LOST',
        'The server went down before the quorum had confirmed the transaction.',
      );
    },
  } as unknown as NodeView;
  const connection = { ask: async () => ['0-1-5'] } as unknown as Connection;
  await expect(confirmWhatWasRead(connection, node, new Cancellation())).rejects.toMatchObject({
    status: 503,
    code: 'NO_QUORUM',
    details: { retryable: true },
  });
});
