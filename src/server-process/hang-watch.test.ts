import { expect, it } from 'vitest';
import { VirtualClock } from '../../test/kit/virtual-clock.js';
import { silentLogger } from '../std/logger.js';
import { HangWatch } from './hang-watch.js';

function watching({ isUp = true }: { isUp?: boolean } = {}) {
  const clock = new VirtualClock();
  const server = { answers: true, greets: true, progress: 0, isBusy: false };
  const disk = { isJudged: true, takesWrites: true };
  const told: (string | null)[] = [];
  const hung: string[] = [];
  const did = { asked: 0, knocked: 0, stopped: 0 };
  const pulse = {
    ...{ signs: 0, isClosed: false },
    ask() {
      did.asked++;
      if (server.answers) this.signs++;
    },
    knock() {
      did.knocked++;
      if (server.greets) this.signs++;
    },
    stop: () => void did.stopped++,
  };
  const watch = new HangWatch(
    { limitMs: 10_000, startLimitMs: 60_000 },
    {
      ...{ logger: silentLogger, pulse, clock },
      cpuMs: () => 0,
      isRunnable: () => server.isBusy,
      progress: () => server.progress,
      diskWrites: () => (disk.isJudged ? (disk.takesWrites ? clock.nowMs() : 0) : null),
      silent: (reason) => told.push(reason),
      hung: (reason) => hung.push(reason),
    },
  );
  if (isUp) watch.up();
  else watch.start();
  return { clock, server, disk, told, hung, did, watch, pulse };
}

it('asks a server that answers twice a second, and knocks only when it does not', () => {
  const { clock, server, did, told, hung } = watching();
  clock.pass(60_000);
  expect(did).toMatchObject({ asked: 120, knocked: 0 });
  server.answers = false;
  clock.pass(60_000);
  expect(did.knocked).toBeGreaterThan(50);
  // It takes connections.
  expect([told, hung]).toEqual([[], []]);
});

it('tells the silence after half of the limit, and the hang when it is over, once', () => {
  const { clock, server, told, hung, did } = watching();
  clock.pass(1_000);
  Object.assign(server, { answers: false, greets: false });
  clock.pass(4_500);
  expect(told).toEqual([]);
  clock.pass(1_000);
  expect(told.at(-1)).toMatch(
    /^Its server has answered nothing for 5\.\d s\. It counts as hung after 10 s\.$/,
  );
  clock.pass(6_000);
  expect(hung).toEqual([
    'for 10 s it answered neither a statement nor a new connection, and did nothing else',
  ]);
  expect(told.at(-1)).toBeNull();
  clock.pass(60_000);
  expect([hung.length, did.stopped]).toEqual([1, 1]);
});

it('takes the silence back when the server answers again', () => {
  const { clock, server, told, hung } = watching();
  Object.assign(server, { answers: false, greets: false });
  clock.pass(8_000);
  expect(told.at(-1)).not.toBeNull();
  server.answers = true;
  clock.pass(1_500);
  expect(told.at(-1)).toBeNull();
  clock.pass(60_000);
  expect(hung).toEqual([]);
});

it('what the server logs is a sign too, and one that works has more time', () => {
  const { clock, server, told, hung } = watching();
  Object.assign(server, { answers: false, greets: false });
  for (let i = 0; i < 30; i++) {
    server.progress++;
    clock.pass(2_000);
  }
  expect(told).toEqual([]);
  server.isBusy = true;
  clock.pass(50_000);
  expect(told.at(-1)).toMatch(/It counts as hung after 1 min, because it is working or waits for a core\.$/);
  expect(hung).toEqual([]);
  clock.pass(12_000);
  expect(hung).toEqual([expect.stringContaining('although it uses its cores or waits for one')]);
});

it('before the first login it only knocks, and waits six times as long', () => {
  const { clock, server, did, told, hung } = watching({ isUp: false });
  Object.assign(server, { greets: false });
  clock.pass(59_000);
  expect([did.asked, hung]).toEqual([0, []]);
  clock.pass(3_000);
  expect([told, hung.length]).toEqual([[], 1]);
});

it('says and does nothing after it was stopped', () => {
  const { clock, server, watch, told, hung, did } = watching();
  Object.assign(server, { answers: false, greets: false });
  clock.pass(8_000);
  watch.stop();
  const { length } = told;
  expect(told.at(-1)).toBeNull();
  clock.pass(60_000);
  expect([told.length, hung, did.stopped]).toEqual([length, [], 1]);
});

it('tells a disk that takes no writes, and counts it as a hang after three times the limit', () => {
  const { clock, disk, told, hung } = watching();
  clock.pass(1_000);
  disk.takesWrites = false;
  clock.pass(6_000);
  expect(told.at(-1)).toMatch(/^Its disk has taken no write for \d\.\d s\. It counts as hung after 30 s\.$/);
  clock.pass(23_000);
  expect(hung).toEqual([]);
  clock.pass(3_000);
  expect(hung).toEqual(['for 30 s its disk took no write']);
});

it('takes it back when the disk writes again, and judges no disk that is none of its business', () => {
  const { clock, disk, told, hung } = watching();
  clock.pass(1_000);
  disk.takesWrites = false;
  clock.pass(25_000);
  disk.takesWrites = true;
  clock.pass(1_000);
  expect(told.at(-1)).toBeNull();
  Object.assign(disk, { isJudged: false, takesWrites: false });
  clock.pass(100_000);
  expect([told.at(-1), hung]).toEqual([null, []]);
});
