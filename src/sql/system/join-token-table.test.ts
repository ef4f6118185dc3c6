import { expect, it } from 'vitest';
import { ApiError } from '../../api/api-error.js';
import { JoinTokenTable, type TokenUser } from './join-token-table.js';
import type { SystemTable } from './system-table.js';

const N4: TokenUser = { name: 'n4', key: 'k4' };
const N5: TokenUser = { name: 'n5', key: 'k5' };

interface Row {
  usedBy: TokenUser | null;
  expired?: boolean;
  /** Whether its use was a moment ago. */
  answering?: boolean;
}

/** What the server answers: one row, which `writes` change one after the other; true = the statement changed it. */
function tableOf(row: Row | null, writes: (() => boolean)[] = []) {
  const statements: string[] = [];
  const table = {
    refuseUnlessOpen: () => {},
    reader: {
      query: async (sql: string) => {
        if (sql.includes('information_schema')) return [{ found: '1' }];
        if (row === null) return [];
        const { usedBy, expired = false, answering = false } = row;
        return [
          {
            ...{ id: 'token', created: 'then', expires: 'later', used: usedBy && 'now' },
            ...{ used_by: usedBy?.name ?? null, used_key: usedBy?.key ?? null },
            ...{ expired: expired ? '1' : '0', answering: answering ? '1' : '0' },
          },
        ];
      },
    },
    write: async (sql: string) => {
      statements.push(sql);
      return writes.shift()?.() ? { position: {}, acknowledgedBy: [] } : null;
    },
  };
  return { tokens: new JoinTokenTable({ table: table as unknown as SystemTable }), statements };
}

async function codeOf(promise: Promise<unknown>): Promise<unknown> {
  try {
    return await promise;
  } catch (error) {
    return error instanceof ApiError ? error.code : error;
  }
}

it.each<[what: string, row: Row | null, user: { name: string | null; key: string }, expected: unknown]>([
  ['nobody has used it', { usedBy: null }, N4, false],
  ['it is not there', null, N4, 'JOIN_TOKEN_UNKNOWN'],
  ['it has ended', { usedBy: null, expired: true }, N4, 'JOIN_TOKEN_EXPIRED'],
  ['another machine has it', { usedBy: N5, answering: true }, N4, 'JOIN_TOKEN_USED'],
  ['the same machine asks again', { usedBy: N4, answering: true }, N4, true],
  ['it only looks', { usedBy: N4, answering: true }, { ...N4, name: null }, true],
  ['it ended meanwhile', { usedBy: N4, expired: true, answering: true }, N4, true],
  [
    'it wants to be another member too',
    { usedBy: N4, answering: true },
    { ...N4, name: 'n5' },
    'JOIN_TOKEN_USED',
  ],
  // Perhaps the member was removed since, and somebody sends what was recorded then.
  ['it asks again much later', { usedBy: N4 }, N4, 'JOIN_TOKEN_USED'],
])('%s', async (_what, row, user, expected) => {
  expect(await codeOf(tableOf(row).tokens.isHadBy('token', user))).toBe(expected);
});

it('says whether this use took it, so that only what was taken is given back', async () => {
  expect(await tableOf({ usedBy: null }, [() => true]).tokens.use('token', N4)).toBe(true);
  expect(await tableOf({ usedBy: N4, answering: true }).tokens.use('token', N4)).toBe(false);
});

it('is used, and not only found free, after another machine has given it back', async () => {
  const row: Row = { usedBy: N5, answering: true };
  const { tokens, statements } = tableOf(row, [
    () => {
      // It is n5's when the statement runs, and free when it is looked at.
      row.usedBy = null;
      return false;
    },
    () => true,
  ]);
  expect(await tokens.use('token', N4)).toBe(true);
  expect(statements).toHaveLength(2);
});
