import { afterAll, beforeAll, expect, it } from 'vitest';
import { sleep } from '../../src/std/timing.js';
import { Ledger } from '../kit/clients.js';
import { showLogsOnFailure, TestCluster } from '../kit/cluster.js';
import { createLedger, expectWhole } from '../kit/kill-rounds.js';
import { signalPid } from '../kit/processes.js';
import { startRoleWriters } from '../kit/role-writers.js';
import { throughout, until } from '../kit/until.js';

/** A node whose event loop does not turn is killed by the supervisor and started again; one that only waits is not. */

/** The nodes inherit it: on this signal the event loop is blocked forever. Nothing of it is in the build. */
const BLOCKED_BY_SIGNAL = `--import "data:text/javascript,process.on('SIGUSR2',()=>{for(;;);})"`;
/** Five seconds; six times as much when this machine does not let the blocked node run. */
const DEADLINE_MS = 45_000;

let cluster: TestCluster;
let ledger: Ledger;
showLogsOnFailure(() => cluster);

beforeAll(async () => {
  cluster = await TestCluster.start({ env: { NODE_OPTIONS: BLOCKED_BY_SIGNAL }, watchdog: 5 });
  await createLedger(cluster);
});

afterAll(async () => {
  await cluster?.dispose();
});

const hangs = (name: string, pid: number) =>
  new RegExp(`${name} hangs: the event loop of process ${pid} has not turned for \\d+\\.\\d s`);

it('the primary’s node blocked: killed, said, started again, and nothing lost', async () => {
  const primary = cluster.primary;
  const node = await primary.pid('node');
  ledger = new Ledger();
  const pool = startRoleWriters(cluster, ledger, { http: 2, mysql: 2 });
  try {
    await ledger.progress(20, 60_000, 'writes go on');
    signalPid(node, 'SIGUSR2');
    await primary.untilRestarted('node', node, DEADLINE_MS);
    expect(cluster.output.text()).toMatch(hangs('n1', node));
    await primary.untilReady(60_000);
    expect(await primary.logs(500)).toMatch(new RegExp(`"pid":${node},"lastTurnAt":.*did not end in order`));
    await ledger.progress(20, 60_000, 'writes go on after it');
  } finally {
    await pool.stop();
  }
  await cluster.untilPrimary();
  await expectWhole(cluster, pool.ledger);
});

it('a supervisor that did not run itself for longer than the limit kills nobody', async () => {
  const pids = async () => (await Promise.all(cluster.nodes.map((node) => node.pid('node')))).join();
  const before = await pids();
  signalPid(cluster.supervisorPid, 'SIGSTOP');
  // Not a wait for something: this is how long it does not run.
  await sleep(7_000);
  signalPid(cluster.supervisorPid, 'SIGCONT');
  await throughout('nobody is killed', 3_000, async () => (await pids()) === before);
});

it('a replica’s node that was stopped, found so by a supervisor that adopts it', async () => {
  const replica = cluster.node('n3');
  const node = await replica.pid('node');
  await cluster.endDemo('SIGKILL');
  await replica.freeze('node');
  void cluster.startDemo().catch(() => {});
  await until('it is said', () => hangs('n3', node).test(cluster.output.text()), { deadlineMs: DEADLINE_MS });
  await replica.untilRestarted('node', node);
  await replica.untilReady();
});
