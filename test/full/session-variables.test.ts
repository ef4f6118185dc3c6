import { afterAll, beforeAll, expect, it } from 'vitest';
import { isMeaningful, MEANINGFUL_VARIABLES } from '../../src/promise/session-variables.js';
import { openApp } from '../kit/app-port.js';
import { checksumAtRest } from '../kit/checksum.js';
import { showLogsOnFailure, TestCluster } from '../kit/cluster.js';
import { BATTERY, type SessionVariable, sessionVariables, tryVariables } from '../kit/session-variables.js';
import { withSql } from '../kit/sql-node.js';

/**
 * All session variables that a client may set, many at a time: under each set of values the same statements, then all nodes
 * are compared. test/long/session-variables.test.ts tries each value by itself.
 */
let cluster: TestCluster;
let variables: SessionVariable[];
showLogsOnFailure(() => cluster);

beforeAll(async () => {
  cluster = await TestCluster.start({ patient: true });
  variables = await withSql(cluster.primary, sessionVariables);
});

afterAll(async () => {
  await cluster?.dispose();
});

/** With these hardly a statement of the others would be executed: they are tried one by one only. */
const STIFLING = new Set([
  'autocommit',
  'completion_type',
  'default_storage_engine',
  'idle_readonly_transaction_timeout',
  'idle_transaction_timeout',
  'idle_write_transaction_timeout',
  'innodb_lock_wait_timeout',
  'interactive_timeout',
  'lock_wait_timeout',
  'max_join_size',
  'max_session_mem_used',
  'max_statement_time',
  'net_read_timeout',
  'net_write_timeout',
  'sql_big_selects',
  'sql_safe_updates',
  'sql_select_limit',
  'storage_engine',
  'tx_read_only',
  'wait_timeout',
  // The text of what follows could not be read under most of them.
  'character_set_client',
  'collation_connection',
]);
/** Few enough that most statements are executed, so many that all are through in half a minute. */
const VARIABLES_AT_A_TIME = 40;
const ROUNDS = 4;

it('what a client may set is known: the list names variables of this server', () => {
  expect(variables.length).toBeGreaterThan(150);
  const names = variables.map(({ name }) => name);
  expect(MEANINGFUL_VARIABLES.filter(({ name }) => !names.includes(name))).toEqual([]);
});

it('under no values that a client may set does a replica stop or differ', async () => {
  const tried = new Set<string>();
  const some = variables.filter(({ name }) => !STIFLING.has(name));
  let n = 0;
  for (let round = 0; round < ROUNDS; round++) {
    for (let from = 0; from < some.length; from += VARIABLES_AT_A_TIME) {
      const settings = some.slice(from, from + VARIABLES_AT_A_TIME).flatMap(({ name, values }) => {
        // Another one in each round, and not the same round for all.
        const value = values[(round + from + name.length) % values.length];
        return value === undefined || isMeaningful(name, value) ? [] : [{ name, value }];
      });
      const connection =
        n % 2 === 0 ? await openApp(cluster) : await cluster.primary.connectAs('skein_write');
      const { accepted, executed } = await tryVariables(connection, `v${n++}`, settings);
      connection.destroy();
      for (const text of accepted) tried.add(text.split('=', 1)[0] ?? '');
      expect([accepted, executed > BATTERY.length / 2]).toEqual([accepted, true]);
    }
  }
  expect(tried.size).toBeGreaterThan(100);
  await checksumAtRest(cluster.primary, cluster.replicas);
});
