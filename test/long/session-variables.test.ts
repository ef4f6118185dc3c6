import { afterAll, beforeAll, expect, it } from 'vitest';
import { isMeaningful } from '../../src/promise/session-variables.js';
import { openApp } from '../kit/app-port.js';
import { checksumAtRest } from '../kit/checksum.js';
import { showLogsOnFailure, TestCluster } from '../kit/cluster.js';
import { sessionVariables, tryVariables } from '../kit/session-variables.js';
import { run, withSql } from '../kit/sql-node.js';

/** Every session variable that a client may set, each value by itself: about 700 times the battery, ten minutes. */
let cluster: TestCluster;
showLogsOnFailure(() => cluster);

beforeAll(async () => {
  cluster = await TestCluster.start();
});

afterAll(async () => {
  await cluster?.dispose();
});

/** Compared together, and then dropped: a difference names the database, whose comment is told. */
const CASES_AT_A_TIME = 20;

it('under no value that a client may set does a replica stop or differ', async () => {
  const variables = await withSql(cluster.primary, sessionVariables);
  const cases = variables.flatMap(({ name, values }) =>
    values.filter((value) => !isMeaningful(name, value)).map((value) => ({ name, value })),
  );
  let accepted = 0;
  for (let from = 0; from < cases.length; from += CASES_AT_A_TIME) {
    const some = cases.slice(from, from + CASES_AT_A_TIME);
    for (const [i, setting] of some.entries()) {
      const connection = await openApp(cluster);
      accepted += (await tryVariables(connection, `v${i}`, [setting])).accepted.length;
      connection.destroy();
    }
    await checksumAtRest(cluster.primary, cluster.replicas).catch((error: Error) => {
      const names = some.map(({ name, value }, i) => `v${i}: ${name} = ${value}`).join('\n');
      throw new Error(`${error.message}\n${names}`);
    });
    await withSql(cluster.primary, async (connection) => {
      for (const i of some.keys()) await run(connection, `DROP DATABASE v${i}`);
    });
  }
  expect(accepted).toBeGreaterThan(400);
}, 1_800_000);
