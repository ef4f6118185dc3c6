/**
 * The link alone, two processes on loopback: how many RECORDS frames and MiB per second one session carries, and how
 * long one small frame takes to be acknowledged. Run: npm run bench -- link
 */
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { LinkDialer } from '../src/link/dialer.js';
import type { ReplicaSession } from '../src/link/listener-session.js';
import { silentLogger } from '../src/std/logger.js';
import { at, attachInfo, heartbeatBody, SECRET, startPrimary } from '../test/kit/link.js';

const RUNS = [
  { bytes: 300, frames: 500_000 },
  { bytes: 2048, frames: 300_000 },
  { bytes: 64 * 1024, frames: 30_000 },
  { bytes: 1024 * 1024, frames: 2000 },
];
const ROUND_TRIPS = 5000;

if (process.argv[2] === 'replica') replica(Number(process.argv[3]));
else await primary();

/** Counts what comes and acknowledges the count. */
function replica(port: number): void {
  let received = 0;
  const dialer = new LinkDialer(
    { address: () => ({ host: '127.0.0.1', port }), cluster: 'demo', secret: SECRET, node: 'n2' },
    {
      logger: silentLogger,
      attachInfo: () => attachInfo('n2', { spoolEnd: at(0, 0) }),
      welcomed: () => {},
      records: () => {
        received++;
        dialer.ack({ received, durable: received, applied: received });
        return true;
      },
      committed: () => {},
      status: () => {},
      list: () => {},
      heartbeat: () => heartbeatBody('n2', 'replica'),
      seedOrder: () => {},
      defined: () => {},
      definitions: async ({ id }) => ({ id, definitions: {}, failed: null }),
      verify: async ({ id }) => ({ id, what: { kind: 'failed', reason: 'It has no server.' } }),
      state: (state) => {
        if (state === 'down') process.exit(0);
      },
    },
  );
  dialer.start();
}

async function primary(): Promise<void> {
  const { listener, sessions } = await startPrimary({}, {});
  const child = fork(fileURLToPath(import.meta.url), ['replica', String(listener.port)]);
  const session = await new Promise<ReplicaSession>((resolve) => {
    const timer = setInterval(() => {
      const first = sessions[0];
      if (first === undefined) return;
      clearInterval(timer);
      resolve(first);
    }, 5);
  });
  let acked = 0;
  let onAck: () => void = () => {};
  session.onAck.on((ack) => {
    acked = ack.durable;
    onAck();
  });
  let sent = 0;
  for (const run of RUNS) {
    const startMs = performance.now();
    const cpu = process.cpuUsage();
    await pump(run, session);
    sent += run.frames;
    await until(() => acked === sent);
    const seconds = (performance.now() - startMs) / 1000;
    const { user, system } = process.cpuUsage(cpu);
    console.log(
      `${String(run.bytes).padStart(8)} bytes: ${Math.round(run.frames / seconds)} frames/s, ` +
        `${Math.round((run.frames * run.bytes) / seconds / 2 ** 20)} MiB/s, ` +
        `${((user + system) / run.frames).toFixed(1)} us of CPU per frame on the primary`,
    );
  }
  await roundTrips();
  console.log(`rss of the primary: ${Math.round(process.memoryUsage().rss / 2 ** 20)} MiB`);
  await listener.stop();
  child.kill();

  function until(done: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      onAck = () => done() && resolve();
      onAck();
    });
  }

  async function roundTrips(): Promise<void> {
    const bytes = Buffer.alloc(300);
    const times: number[] = [];
    for (let i = 0; i < ROUND_TRIPS; i++) {
      const startMs = performance.now();
      session.sendRecords(bytes, 0);
      sent++;
      await until(() => acked === sent);
      times.push(performance.now() - startMs);
    }
    times.sort((a, b) => a - b);
    const at = (share: number) => (times[Math.floor(times.length * share)] ?? 0).toFixed(3);
    console.log(`record -> ack: p50 ${at(0.5)} ms, p99 ${at(0.99)} ms`);
  }
}

/** In the way a hub does it: a few frames for each turn of the event loop, on after the drain. */
function pump(run: { bytes: number; frames: number }, session: ReplicaSession): Promise<void> {
  const bytes = Buffer.alloc(run.bytes);
  let left = run.frames;
  return new Promise((resolve) => {
    const turn = () => {
      let room = true;
      for (let i = 0; i < 50 && left > 0 && room; i++, left--) room = session.sendRecords(bytes, 0);
      if (left === 0) {
        off();
        resolve();
      } else if (room) setImmediate(turn);
    };
    const off = session.onDrain.on(turn);
    turn();
  });
}
