import { expect, it } from 'vitest';
import { runningStatement } from './running-statements.js';

const row = (more: object) => ({
  id: '7',
  query_id: '9',
  tid: '11',
  user: 'app',
  host: '127.0.0.1:4711',
  replica: 0,
  modified: null,
  readOnly: null,
  plainRead: null,
  mayWrite: 1,
  ...more,
});

it('tells what a server says of a statement', () => {
  expect(runningStatement(row({}))).toEqual({
    sessionId: 7,
    queryId: 9,
    threadId: 11,
    account: 'app@127.0.0.1',
    readsOnly: false,
  });
});

it.each([
  { user: 'skein_read', host: 'localhost' },
  { host: '127.0.0.2:4711' },
  { mayWrite: 0 },
  { replica: 1 },
  { readOnly: '1', modified: '0' },
  { plainRead: '1', modified: '0' },
])('can only read: %j', (more) => {
  expect(runningStatement(row(more)).readsOnly).toBe(true);
});

it.each([{}, { modified: '1', readOnly: '1' }, { mayWrite: 0, modified: '1' }, { modified: '0' }])(
  'may be writing: %j',
  (more) => {
    expect(runningStatement(row(more)).readsOnly).toBe(false);
  },
);
