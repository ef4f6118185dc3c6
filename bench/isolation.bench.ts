/**
 * How much HTTP costs replication: commits of a single client through the primary's read-write port, and heartbeats on a link,
 * while clients ask the primary over HTTP, to the same without them. The same load at a node that no commit waits for tells
 * what of it is only the machine's CPU. With --against by turns with another build. Run: npm run bench -- isolation
 *   --against=DIR  --loads=selects,results,bodies,streams,json  --seconds=3  --rounds=3  --short
 */
import { loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { sleep } from '../src/std/timing.js';
import { Helper } from './isolation/helper.js';
import type { TapFigures } from './isolation/link-tap.js';
import type { LoadCounts, LoadRequest } from './isolation/load-client.js';
import { LOAD_NAMES, LOADS, type LoadName } from './isolation/loads.js';
import {
  beforeAndAfter,
  beyondCpu,
  commitTable,
  compared,
  LOADED,
  nodeTable,
  PLACES,
  type Place,
  type Turn,
} from './isolation/report.js';
import { ELSEWHERE, HEARTBEAT_MS, PRIMARY, Subject } from './isolation/subject.js';
import type { LoopFigures } from './throughput/closed-loop.js';
import { cpuBetween, cpuOf, machineTime, othersShare } from './throughput/process-figures.js';
import { spreadOf, sum } from './throughput/statistics.js';
import { Workshop } from './throughput/workshop.js';

/** What a load or a process that was halted brings up at first is over. */
const SETTLE_MS = 300;
const WARM_UP_SECONDS = 1;
/** On a machine that others use too there are fewer rounds, not a run of more than ten minutes. */
const RUN_MS_MAX = 9.5 * 60_000;
/** With more, the machine's ups and downs are larger than what is looked for. */
const OTHERS_SHARE_MAX = 0.1;

const { values } = parseArgs({
  options: {
    against: { type: 'string' },
    loads: { type: 'string', default: LOAD_NAMES.join() },
    seconds: { type: 'string' },
    rounds: { type: 'string' },
    short: { type: 'boolean', default: false },
  },
});
const seconds = Number(values.seconds ?? (values.short ? 1 : 3));
const rounds = Number(values.rounds ?? (values.short ? 1 : 3));
const loads = values.loads.split(',').map((name) => {
  const load = LOAD_NAMES.find((one) => one === name);
  if (load === undefined) throw new Error(`There is no load "${name}"; there are: ${LOAD_NAMES.join(', ')}`);
  return load;
});

await Workshop.open(async (workshop) => {
  // Both builds run the same server.
  process.env.SKEIN_CACHE = workshop.cacheDir;
  const subjects: Subject[] = [];
  const builds = [
    ['this', process.cwd()],
    ['against', values.against],
  ] as const;
  const commits = new Helper('commit client', new URL('isolation/commit-client.js', import.meta.url));
  const client = new Helper('load client', new URL('isolation/load-client.js', import.meta.url));
  try {
    for (const [id, directory] of builds) {
      if (directory === undefined) continue;
      const subject = await Subject.start(workshop, id, directory);
      subjects.push(subject);
      say(`started: ${subject.name}`);
      await commits.ask('open', subject.target.readWritePort(PRIMARY));
      for (const load of loads) {
        for (const place of LOADED) await turn(subject, { load, place, round: -1 }, WARM_UP_SECONDS);
      }
      await commits.ask('close');
      await subject.target.pause();
      say('warmed up');
    }
    report(subjects, await measure(subjects));
  } finally {
    for (const helper of [commits, client, ...subjects.map(({ tap }) => tap)]) helper.end();
  }

  /** Each load: every build once, each time another one first; idle, then the load at one place and the other. */
  async function measure(all: readonly Subject[]): Promise<Turn[]> {
    const turns: Turn[] = [];
    let longestMs = 0;
    for (let round = 0; round < rounds; round++) {
      const startedMs = performance.now();
      if (startedMs + longestMs > RUN_MS_MAX) {
        say(`${round} of ${rounds} rounds: another one would take too long`);
        break;
      }
      for (const [at, load] of loads.entries()) {
        for (const subject of (round + at) % 2 === 0 ? all : all.toReversed()) {
          await subject.target.resume();
          await commits.ask('open', subject.target.readWritePort(PRIMARY));
          for (const place of PLACES) {
            workshop.signal.throwIfAborted();
            turns.push(await turn(subject, { load, place, round }, seconds));
          }
          await commits.ask('close');
          await subject.target.pause();
          const p99 = turns.slice(-PLACES.length).map((one) => `${one.place} ${one.p99.toFixed(1)}`);
          say(`round ${round + 1}, ${LOADS[load].label}, ${subject.name}: p99 ${p99.join(', ')} ms`);
        }
      }
      longestMs = Math.max(longestMs, performance.now() - startedMs);
    }
    return turns;
  }

  async function turn(
    subject: Subject,
    what: { load: LoadName; place: Place; round: number },
    forSeconds: number,
  ): Promise<Turn> {
    const { tap } = subject;
    const isLoaded = what.place !== 'idle';
    const node = what.place === 'elsewhere' ? ELSEWHERE : PRIMARY;
    if (isLoaded) await client.ask('start', { ...subject.http(node), load: what.load } satisfies LoadRequest);
    await sleep(SETTLE_MS, workshop.signal);
    // Listed again at the end: a process of a node that has begun meanwhile counts.
    const cpuNow = async () => cpuOf([...(await subject.processes()), client.process]);
    const counted = async () =>
      isLoaded ? await client.ask<LoadCounts>('counts') : { requests: 0, bytes: 0 };
    const own = [tap.process, commits.process];
    const before = { cpu: await cpuNow(), own: await cpuOf(own), machine: await machineTime() };
    const from = { counts: await counted(), ms: performance.now() };
    await tap.ask('begin');
    const committed = await commits.ask<LoopFigures>('commit', forSeconds);
    const beats = await tap.ask<TapFigures>('end');
    const to = { counts: await counted(), ms: performance.now() };
    const cpu = cpuBetween(before.cpu, await cpuNow());
    const ownMs = sum(Object.values(cpuBetween(before.own, await cpuOf(own))));
    const machine = await machineTime();
    if (isLoaded) await client.ask('stop');
    const tookMs = to.ms - from.ms;
    const cores = (of: string) =>
      sum(Object.entries(cpu).map(([name, ms]) => (name.startsWith(of) ? ms : 0))) / tookMs;
    const perSecond = (count: number) => (count * 1000) / tookMs;
    return {
      ...what,
      build: subject.name,
      p50: committed.p50,
      p99: committed.p99,
      commitsPerSecond: committed.requests / committed.seconds,
      ...beats,
      requestsPerSecond: perSecond(to.counts.requests - from.counts.requests),
      primaryCores: cores(`${PRIMARY}.node`),
      elsewhereCores: cores(`${ELSEWHERE}.node`),
      allCores: cores(''),
      othersShare: othersShare(before.machine, machine, cores('') * tookMs + ownMs),
    };
  }
});

function report(subjects: readonly Subject[], turns: readonly Turn[]): void {
  const done = new Set(turns.map(({ round }) => round)).size;
  const blindMs = Math.max(...turns.map(({ ownDelayMs }) => ownDelayMs));
  const urgent = turns.every(({ isUrgent }) => isUrgent) ? 'yes' : 'no (not permitted)';
  const load = loadavg().map((value) => value.toFixed(1));
  const others = spreadOf(turns.map(({ othersShare }) => othersShare))?.median ?? 0;
  console.log(`
${done} rounds of ${seconds} s, 2 replicas, majority, one client of the read-write port: one INSERT for each commit
heartbeats each ${HEARTBEAT_MS} ms; the tap could not look for ${blindMs.toFixed(0)} ms at most; it goes before others: ${urgent}
load averages of the machine at the end: ${load.join(', ')}; "others": its CPU that was not the bench's`);
  if (others > OTHERS_SHARE_MAX) {
    console.log(`others used ${(100 * others).toFixed(0)} % of the machine: measure again when it is calm`);
  }
  for (const { name } of subjects) {
    tell(name, commitTable(turns, name));
    tell('heartbeats, and cores of CPU', nodeTable(turns, name));
    tell('the load at the primary to the same elsewhere: what is not the CPU', beyondCpu(turns, name));
  }
  const [one, other] = subjects;
  if (one && other) {
    tell(`${one.name} to ${other.name}`, compared(turns, one.name, other.name));
    tell(`before: ${other.name} -> after: ${one.name}`, beforeAndAfter(turns, other.name, one.name));
  }
}

function tell(title: string, lines: readonly string[]): void {
  console.log(`\n${title}\n${lines.map((line) => `  ${line}`).join('\n')}`);
}

function say(text: string): void {
  console.error(`${new Date().toISOString().slice(11, 19)} ${text}`);
}
