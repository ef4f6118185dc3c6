/**
 * What `/v1/sql` costs: point SELECTs and single INSERTs over keep-alive connections, by turns with (a) a mysql2 pool
 * straight to the primary's server, (b) what an application would write instead, a Fastify handler with a mysql2 pool
 * ("usual"), and (c) a bare Fastify handler that returns a constant. All are asked by this process, HTTP with a client that
 * costs little (raw-http.ts); "load" says how much of a core it used itself.
 * Run: npm run bench -- http
 *   --connections=1,16,64  --workloads=select,insert  --seconds=3  --rounds=5  --short
 *   --clone=DIR    measures another clone that is built, with the load and the other ways of this one
 *   --profile=DIR  also tells where the primary's node spends its time, and keeps the profiles there
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, renameSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import mysql from 'mysql2/promise';
import { run, withSql } from '../test/kit/sql-node.js';
import { until } from '../test/kit/until.js';
import { type Client, closedLoop, type LoopFigures } from './throughput/closed-loop.js';
import { summarise } from './throughput/cpu-profile.js';
import { modeOf } from './throughput/modes.js';
import { cpuBetween, cpuOf } from './throughput/process-figures.js';
import { RawHttp } from './throughput/raw-http.js';
import { SkeinTarget } from './throughput/skein-target.js';
import { type Spread, spreadOf } from './throughput/statistics.js';
import { Workshop } from './throughput/workshop.js';

const SELECT_GOAL = 0.6;
const INSERT_GOAL = 0.9;
const USUAL_GOAL = 1;
const INSERT_GOAL_CONNECTIONS = 16;
const P99_GOAL = 3;
const ROWS = 10_000;
/** As many as a token gets sessions in Skein (http/server.ts). */
const USUAL_POOL = 48;
const PROFILE_CONNECTIONS = 16;
const PROFILE_TOP = 45;

const { values } = parseArgs({
  options: {
    connections: { type: 'string', default: '1,16,64' },
    seconds: { type: 'string' },
    rounds: { type: 'string' },
    profile: { type: 'string' },
    clone: { type: 'string' },
    workloads: { type: 'string', default: 'select,insert' },
    short: { type: 'boolean', default: false },
  },
});
const seconds = Number(values.seconds ?? (values.short ? 0.7 : 3));
const rounds = Number(values.rounds ?? (values.short ? 3 : 5));
const warmUpSeconds = values.short ? 3 : 8;
const profileDir = values.profile === undefined ? null : resolve(values.profile);

interface Workload {
  readonly name: 'select' | 'insert';
  readonly sql: string;
  parameters(): (number | string)[];
}

const randomId = () => 1 + Math.floor(Math.random() * ROWS);
const WORKLOADS: readonly Workload[] = [
  { name: 'select', sql: 'SELECT id, k, c, pad FROM points WHERE id = ?', parameters: () => [randomId()] },
  {
    name: 'insert',
    sql: 'INSERT INTO arrivals (k, c) VALUES (?, ?)',
    parameters: () => [randomId(), 'a text of some length, as rows have them'],
  },
];

const TABLES = [
  'CREATE DATABASE bench',
  'CREATE TABLE bench.points (id INT PRIMARY KEY, k INT NOT NULL, c CHAR(120) NOT NULL, pad CHAR(60) NOT NULL)',
  `INSERT INTO bench.points SELECT seq, seq * 7 % ${ROWS}, REPEAT('c', 119), REPEAT('p', 59) FROM bench.seq_1_to_${ROWS}`,
  'CREATE TABLE bench.arrivals (id BIGINT AUTO_INCREMENT PRIMARY KEY, k INT NOT NULL, c CHAR(120) NOT NULL)',
];

type Way = 'direct' | 'usual' | 'skein' | 'bare';
interface Row extends LoopFigures {
  readonly perSecond: number;
  /** CPU for each request, microseconds: of the primary's node, or of the process with the handler. */
  readonly nodeUs: number;
  readonly serverUs: number;
}

await Workshop.open(async (workshop) => {
  const mode = modeOf('skein-majority');
  if (mode.kind !== 'skein') throw new Error('not a mode of Skein');
  if (profileDir !== null) mkdirSync(profileDir, { recursive: true });
  const profile = join(profileDir ?? '', 'http-n1.cpuprofile');
  const preload = new URL('throughput/profile-on-signal.js', import.meta.url);
  const target = workshop.keep(
    await SkeinTarget.start(mode, {
      directory: join(workshop.directory, mode.id),
      ...(values.clone !== undefined && { main: resolve(values.clone, 'dist/main.js') }),
      nodeArgs: (node) =>
        profileDir === null || node !== 'n1'
          ? []
          : ['--import', `${preload.href}?out=${encodeURIComponent(profile)}`],
    }),
  );
  await withSql(target.primary, async (connection) => {
    for (const sql of TABLES) await run(connection, sql);
  });
  const bare = fork(fileURLToPath(new URL('throughput/bare-fastify.js', import.meta.url)));
  const [barePort] = (await once(bare, 'message')) as [number];
  const usual = fork(fileURLToPath(new URL('throughput/usual-handler.js', import.meta.url)));
  usual.send({
    host: '127.0.0.1',
    ...target.endpoint,
    database: 'bench',
    connectionLimit: USUAL_POOL,
  });
  const [usualPort] = (await once(usual, 'message')) as [number];
  const http = { port: target.httpPort('n1'), path: '/v1/sql', token: await target.createToken('write') };

  async function open(way: Way, workload: Workload, count: number): Promise<Client[]> {
    const { sql, parameters } = workload;
    if (way === 'direct') {
      const pool = mysql.createPool({
        host: '127.0.0.1',
        ...target.endpoint,
        database: 'bench',
        connectionLimit: count,
      });
      const request = async () => void (await pool.execute(sql, parameters()));
      return Array.from({ length: count }, (_, at) => ({
        request,
        close: at === 0 ? () => pool.end() : () => {},
      }));
    }
    const port = way === 'usual' ? usualPort : barePort;
    const options = way === 'skein' ? http : { port, path: '/', token: null };
    const clients = await Promise.all(Array.from({ length: count }, () => RawHttp.open(options)));
    return clients.map((client) => ({
      request: () => client.post(JSON.stringify({ sql, params: parameters(), database: 'bench' })),
      close: () => client.close(),
    }));
  }

  async function turn(way: Way, workload: Workload, count: number, forSeconds: number): Promise<Row> {
    const clients = await open(way, workload, count);
    try {
      // Each pool logs in, each connection is there, before the time counts.
      await Promise.all(clients.map((client) => client.request()));
      const handlers = Object.entries({ bare, usual }).map(([name, { pid = 0 }]) => ({ name, pid }));
      const processes = [...(await target.processes()), ...handlers];
      const before = await cpuOf(processes);
      const figures = await closedLoop(clients, forSeconds);
      const cpu = cpuBetween(before, await cpuOf(processes));
      const us = (name: string) => ((cpu[name] ?? Number.NaN) * 1000) / figures.requests;
      const perSecond = figures.requests / figures.seconds;
      return {
        ...figures,
        perSecond,
        nodeUs: us(way === 'bare' || way === 'usual' ? way : 'n1.node'),
        serverUs: us('n1.server'),
      };
    } finally {
      for (const client of clients) await client.close();
    }
  }

  try {
    const counts = values.connections.split(',').map(Number);
    const workloads = WORKLOADS.filter(({ name }) => values.workloads.split(',').includes(name));
    for (const workload of workloads) {
      const ways: Way[] =
        workload.name === 'select' ? ['direct', 'usual', 'skein', 'bare'] : ['direct', 'usual', 'skein'];
      for (const way of ways) await turn(way, workload, 16, warmUpSeconds / ways.length);
      for (const count of counts) {
        const rows: Record<Way, Row[]> = { direct: [], usual: [], skein: [], bare: [] };
        for (let round = 0; round < rounds; round++) {
          for (const way of ways) rows[way].push(await turn(way, workload, count, seconds));
        }
        report(workload, count, ways, rows);
      }
      if (profileDir !== null) await profiled(workload);
    }
  } finally {
    bare.disconnect();
    usual.disconnect();
  }

  async function profiled(workload: Workload): Promise<void> {
    const pid = target.nodePid('n1');
    const file = `${profile}.http`;
    process.kill(pid, 'SIGUSR2');
    const row = await turn('skein', workload, PROFILE_CONNECTIONS, seconds);
    process.kill(pid, 'SIGUSR2');
    await until('the profile is written', async () => existsSync(profile));
    renameSync(profile, profile.replace('n1', workload.name));
    const kept = profile.replace('n1', `${workload.name}-plane`);
    renameSync(file, kept);
    const { busyMs, functions, callers, rooms } = summarise(kept);
    for (const [what, list] of [
      ['by room', rooms],
      ['by self time', functions],
      ['the same with what Node.js did for them', callers],
    ] as const) {
      console.log(
        `  the node's CPU for one ${workload.name}, shared out as the profile of its HTTP thread says, ${what}`,
      );
      for (const { name, ms } of list.slice(0, PROFILE_TOP))
        console.log(`    ${((row.nodeUs * ms) / busyMs).toFixed(1).padStart(6)} us  ${name}`);
    }
  }
});

function report(workload: Workload, count: number, ways: readonly Way[], rows: Record<Way, Row[]>): void {
  console.log(`\n${workload.name}, ${count} connection(s), ${rounds} rounds of ${seconds} s, 2 replicas`);
  for (const way of ways) {
    const against = (other: Way, pick: (row: Row, other: Row) => number) =>
      spreadOf(rows[way].map((row, round) => pick(row, rows[other][round] ?? row)));
    const spread = (pick: (row: Row, direct: Row) => number) => against('direct', pick);
    const ratio = spread((row, direct) => row.perSecond / direct.perSecond);
    const toUsual = against('usual', (row, usual) => row.perSecond / usual.perSecond);
    const p99 = spread((row, direct) => row.p99 / direct.p99);
    const cpu = `CPU: ${way === 'bare' || way === 'usual' ? 'handler' : 'node'} ${show(
      spread((row) => row.nodeUs),
      0,
    )} us, server ${show(
      spread((row) => row.serverUs),
      0,
    )} us`;
    console.log(
      `  ${way.padEnd(6)} ${show(
        spread((row) => row.perSecond),
        0,
      )}/s, to direct ${show(ratio, 2)}, to usual ${show(toUsual, 2)}, p50 ${show(
        spread((row) => row.p50),
        2,
      )} ms, p99 ${show(
        spread((row) => row.p99),
        2,
      )} ms, to direct ${show(p99, 2)}, ${cpu}, load ${show(
        spread((row) => row.ownCore),
        2,
      )} core`,
    );
    if (way !== 'skein') continue;
    if (workload.name === 'select')
      judge(`throughput at least ${SELECT_GOAL} of direct`, ratio, (r) => r >= SELECT_GOAL);
    else if (count === INSERT_GOAL_CONNECTIONS)
      judge(`throughput at least ${INSERT_GOAL} of direct`, ratio, (r) => r >= INSERT_GOAL);
    judge(
      `throughput at least ${USUAL_GOAL.toFixed(1)} of the usual handler`,
      toUsual,
      (r) => r >= USUAL_GOAL,
    );
    judge(`p99 below ${P99_GOAL} times direct`, p99, (r) => r < P99_GOAL);
  }
}

function judge(goal: string, value: Spread | null, reached: (median: number) => boolean): void {
  console.log(
    `         goal: ${goal}: ${value !== null && reached(value.median) ? 'reached' : 'NOT reached'}`,
  );
}

function show(spread: Spread | null, digits: number): string {
  if (spread === null) return '-';
  return `${spread.median.toFixed(digits)} (${spread.least.toFixed(digits)}-${spread.most.toFixed(digits)})`;
}
