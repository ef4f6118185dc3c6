import { expect, it } from 'vitest';
import { COMMIT_WAITS, statementRow } from './statements.js';

const running = {
  id: 12,
  session: 34,
  account: 'shop@127.0.0.1',
  database: null,
  ms: 1234.5,
  state: 'Sending data',
  isCommitting: false,
  statement: 'SELECT 1',
};

it('a statement can be ended, and one that takes long stands out', () => {
  expect(statementRow(running)).toMatchObject({
    time: '1.2 s',
    tone: 'idle',
    state: 'Sending data',
    fixed: null,
  });
  expect(statementRow({ ...running, ms: 10_000 })).toMatchObject({ time: '10 s', tone: 'warn' });
});

it('a commit that waits for its quorum cannot, and says why', () => {
  const row = statementRow({ ...running, isCommitting: true });
  expect(row).toMatchObject({ state: 'waits for its quorum', fixed: COMMIT_WAITS });
});
