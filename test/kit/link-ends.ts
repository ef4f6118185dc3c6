import type { ReplicaSession } from '../../src/link/listener-session.js';
import { startPrimary, startProxy, startReplica, type TestPrimary, type TestReplica } from './link.js';
import { until } from './until.js';
import type { VirtualClock } from './virtual-clock.js';

/** Both ends of links, and what lies between them, which `stop` ends again. */
export function linkEnds() {
  const stops: (() => Promise<void>)[] = [];
  return {
    stops,
    async primary(...args: Parameters<typeof startPrimary>): Promise<TestPrimary> {
      const started = await startPrimary(...args);
      stops.push(() => started.listener.stop());
      return started;
    },
    replica(...args: Parameters<typeof startReplica>): TestReplica {
      const started = startReplica(...args);
      stops.push(() => started.dialer.stop());
      return started;
    },
    async proxyTo(port: number) {
      const proxy = await startProxy(port);
      stops.push(proxy.stop);
      return proxy;
    },
    async stop(): Promise<void> {
      for (const stop of stops.splice(0).reverse()) await stop();
    },
  };
}

export async function attached(p: TestPrimary, count = 1): Promise<ReplicaSession> {
  await until('attached', () => p.sessions.length === count);
  return p.sessions[count - 1] as ReplicaSession;
}

/** The longest wait between two dials by default; less than any other limit of a dial. */
const REDIAL_MAX_MS = 2000;
export const INTERVALS_MAX = 10;
export const BEATS = { heartbeatIntervalMs: 100, goneAfterMs: INTERVALS_MAX * 100 };

/** One interval passes, and what both ends said to each other has arrived. */
export async function beat(clock: VirtualClock, heard: () => readonly number[]): Promise<void> {
  const before = heard();
  clock.pass(BEATS.heartbeatIntervalMs);
  await until('heartbeats have arrived', () => heard().every((count, i) => count > (before[i] ?? 0)), {
    intervalMs: 1,
  });
}

/** The dialer, which has this clock for itself, waits between two dials. */
export const isWaiting = (clock: VirtualClock) => clock.isDueWithin(REDIAL_MAX_MS);

export async function redial(clock: VirtualClock): Promise<void> {
  await until('the dialer waits', () => isWaiting(clock), { intervalMs: 1 });
  clock.pass(REDIAL_MAX_MS);
}
