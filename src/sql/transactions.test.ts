import { afterEach, expect, it } from 'vitest';
import type { NodeView } from '../api/node-view.js';
import { mariadb } from '../flavour/mariadb/mariadb.js';
import type { Connection } from '../mysql-client/connection.js';
import { STATUS } from '../mysql-client/replies.js';
import { Cancellation } from '../std/cancellation.js';
import { silentLogger } from '../std/logger.js';
import { executeSql, type SqlModules } from './execute.js';
import { planSql } from './request.js';
import { ResultBuilder } from './result-builder.js';
import type { Session } from './session.js';
import type { SessionPool } from './session-pool.js';
import { OpenTransactions } from './transactions.js';

const OWNER = { tokenId: 'tok_1', tokenHash: 'hash', role: 'read' } as const;
const LIMITS = { readOnly: true, idleMs: 60_000, totalMs: 60_000 };

let open: OpenTransactions | undefined;
afterEach(() => open?.close());

it('an open transaction is nobody’s again when its client had gone before its statement began', async () => {
  const session = {
    generation: '1',
    connection: { broken: null, status: STATUS.inTransaction | STATUS.inReadOnlyTransaction } as Connection,
  } as Session;
  const transactions = new OpenTransactions(
    { perRoleMax: 8 },
    { node: 'n1', log: silentLogger, generation: () => '1' },
  );
  open = transactions;
  const pool = { discard() {} } as unknown as SessionPool;
  const { id } = transactions.add(OWNER, { session, pool }, LIMITS);
  const node: Partial<NodeView> = {
    flavour: mariadb,
    isOpen: () => ({ open: true }),
    role: () => 'primary',
    primaryHttp: () => null,
  };
  const modules = { node, transactions, log: silentLogger, stopping: new Cancellation() };
  const gone = new Cancellation();
  gone.cancel();
  const results = new ResultBuilder({ rows: 'array', bigint: 'string' }, { add: () => null });
  await expect(
    executeSql(
      planSql({ sql: 'SELECT 1', tx: id }, undefined),
      { ...OWNER, requestId: 'r1', gone },
      results,
      modules as unknown as SqlModules,
    ),
  ).rejects.toMatchObject({ code: 'TIMEOUT' });
  const use = await transactions.use(id, OWNER.tokenId);
  expect(use.readOnly).toBe(true);
});
