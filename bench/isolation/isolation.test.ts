import { describe, expect, it } from 'vitest';
import { HTTP_CONSTANTS } from '../../src/config/http-limits.js';
import { JsonBounds } from '../../src/http/json-bounds.js';
import { allocateFrame, encodeAck, encodeCommitted, encodeRecordsHead } from '../../src/wire/frames.js';
import { HeartbeatFinder } from './heartbeat-finder.js';
import { latenessOf, worstOf } from './lateness.js';
import { deepDocument, documentRequest, LOAD_NAMES, LOADS, largeDocument } from './loads.js';
import { descendantsOf } from './node-processes.js';
import { parseReceiveQueue } from './receive-queue.js';
import {
  beforeAndAfter,
  beyondCpu,
  commitTable,
  compared,
  nodeTable,
  type Place,
  ratioOf,
  type Turn,
} from './report.js';

describe('heartbeats on a link', () => {
  const beat = () => allocateFrame('heartbeat', 300).fill(0x10, 5);
  const stream = Buffer.concat([
    encodeAck({ received: 9, durable: 9, applied: 9 }),
    beat(),
    encodeRecordsHead(7, 4096),
    // A payload that looks like heartbeats.
    Buffer.concat(Array.from({ length: 20 }, beat)).subarray(0, 4096),
    encodeCommitted(9),
    allocateFrame('heartbeat', 0),
    beat(),
  ]);
  const ends = [334, 334 + 13 + 4096 + 13 + 5, stream.length];

  it.each([1, 2, 3, 4, 5, 6, 7, 304, 305, 306, 1000, stream.length])(
    'are found by headers alone, in chunks of %i bytes',
    (size) => {
      const finder = new HeartbeatFinder();
      const found: number[] = [];
      for (let at = 0; at < stream.length; at += size) {
        const inChunk = finder.push(stream.subarray(at, at + size));
        for (const end of inChunk) expect(end > at && end <= at + size).toBe(true);
        found.push(...inChunk);
      }
      expect(found).toEqual(ends);
      expect(finder.passed).toBe(stream.length);
    },
  );

  it('are not looked for in anything else', () => {
    expect(() => new HeartbeatFinder().push(Buffer.from('GET / HTTP/1.1\r\n'))).toThrow('no frames');
  });
});

describe('lateness', () => {
  const span = { fromMs: 1000, toMs: 2000 };

  it('is the time since the last heartbeat beyond the interval', () => {
    expect(latenessOf([1050, 1150, 1240, 1400, 1980], span, 100)).toEqual([0, 0, 60, 480]);
  });

  it('does not count from before the span', () => {
    expect(latenessOf([300, 1000, 1950, 2400], span, 100)).toEqual([850]);
  });

  it('counts a heartbeat that has not come yet', () => {
    expect(latenessOf([1100, 1200], span, 100)).toEqual([0, 700]);
    expect(latenessOf([], span, 100)).toEqual([900]);
  });

  it('is told by its p99 and its most', () => {
    const values = Array.from({ length: 200 }, (_, at) => 199 - at);
    expect(worstOf(values)).toEqual({ p99: 198, max: 199, count: 200 });
    expect(worstOf([])).toBeNull();
  });
});

describe('the receive queue of a socket', () => {
  it('is that of the connection with both ports', () => {
    const text = '0      0   127.0.0.1:7083  127.0.0.1:40001 \n415    12  127.0.0.1:7083  127.0.0.1:40002\n';
    expect(parseReceiveQueue(text, 7083, 40002)).toBe(415);
    expect(parseReceiveQueue('ESTAB 7 0 [::ffff:127.0.0.1]:7083 [::ffff:127.0.0.1]:40002', 7083, 40002)).toBe(
      7,
    );
    expect(parseReceiveQueue(text, 40002, 7083)).toBeNull();
    expect(parseReceiveQueue('', 7083, 40002)).toBeNull();
  });
});

describe('the processes of a node', () => {
  it('are all below it, but not its server and what is below that', () => {
    const lines = [
      { pid: 10, parent: 1 },
      { pid: 11, parent: 10 },
      { pid: 12, parent: 11 },
      { pid: 20, parent: 10 },
      { pid: 21, parent: 20 },
      { pid: 30, parent: 1 },
    ];
    expect(descendantsOf(10, lines, new Set([10, 20]))).toEqual([11, 12]);
    expect(descendantsOf(30, lines, new Set())).toEqual([]);
  });
});

describe('loads', () => {
  it('stay within the limits of JSON, and slow JSON comes near them', () => {
    const { jsonDepthMax: depthMax, jsonValuesMax: valuesMax, jsonKeysMax: keysMax } = HTTP_CONSTANTS;
    const excess = (text: Buffer | string, share: number) =>
      new JsonBounds({
        depthMax: depthMax * share,
        valuesMax: valuesMax * share,
        keysMax: keysMax * share,
      }).push(Buffer.from(text));
    for (const name of LOAD_NAMES) {
      const text = LOADS[name].body();
      expect(excess(text, 1)).toBeNull();
      if (name === 'bodies') expect(Math.round(text.length / 1e6)).toBe(18);
    }
    for (const [document, limit] of [
      [largeDocument(), 'keys'],
      [deepDocument(), 'depth'],
    ] as const) {
      const text = documentRequest(document);
      expect(excess(text, 1)).toBeNull();
      expect(excess(text, 0.9)).toBe(limit);
    }
  });
});

describe('the report', () => {
  // Round 1 was on a machine half as fast: ratios within a round are the same all the same.
  const turns = [0, 1].flatMap((round) =>
    (
      [
        ['old', 'idle', 2, 10],
        ['old', 'primary', 4, 100],
        ['old', 'elsewhere', 3, 20],
        ['new', 'idle', 2, 10],
        ['new', 'primary', 3, 25],
        ['new', 'elsewhere', 3, 20],
      ] as const
    ).map(([build, place, p50, p99]) =>
      turn({ build, place, round, p50: p50 * (1 + round), p99: p99 * (1 + round) }),
    ),
  );
  const of = (build: string, place: Place) =>
    turns.filter((one) => one.build === build && one.place === place);

  it('has the median of the ratios within the rounds', () => {
    const ratio = ratioOf(of('old', 'primary'), turns, 'idle', ({ p99 }) => p99);
    expect(ratio).toEqual({ median: 10, least: 10, most: 10, count: 2 });
    expect(ratioOf([], turns, 'idle', ({ p99 }) => p99)).toBeNull();
  });

  it('has a row for no load, and two for each load', () => {
    const [head, ...rows] = commitTable(turns, 'old').map((line) => line.split(/ {2,}/));
    expect(head).toEqual(['load', 'at', 'p50 ms', 'to idle', 'p99 ms', 'to idle', 'commits/s']);
    expect(rows).toEqual([
      ['none', 'idle', '3.00', '15.0', '500'],
      [LOADS.json.label, 'primary', '6.00', '2.00 (2.00-2.00)', '150.0', '10.00 (10.00-10.00)', '500'],
      [LOADS.json.label, 'elsewhere', '4.50', '1.50 (1.50-1.50)', '30.0', '2.00 (2.00-2.00)', '500'],
    ]);
  });

  it('puts the heartbeats of all rounds together', () => {
    const rows = nodeTable(turns, 'new').map((line) => line.split(/ {2,}/));
    expect(rows[2]).toEqual([
      ...[LOADS.json.label, 'primary', 'p99 9, most 9', 'p99 4, most 4', '4'],
      ...['0.50', '0.10', '1.20', '7.5', '25 %'],
    ]);
  });

  it('tells what is not the CPU, and one build to the other', () => {
    expect(beyondCpu(turns, 'old')[1]).toMatch(/slow JSON {2}1\.33 \(.*\) {2}5\.00 \(/);
    expect(compared(turns, 'new', 'old')[1]).toMatch(/slow JSON {2}1\.00 .* 0\.75 .* 0\.25 .* 1\.00 /);
  });

  it('has both builds in one table', () => {
    const rows = beforeAndAfter(turns, 'old', 'new').map((line) => line.split(/ {2,}/));
    expect(rows.slice(1)).toEqual([
      ['none', 'idle', '3.00 -> 3.00', '15.0 -> 15.0', '1.00 -> 1.00', '9 -> 9', '4 -> 4'],
      [LOADS.json.label, 'primary', '6.00 -> 4.50', '150.0 -> 37.5', '10.00 -> 2.50', '9 -> 9', '4 -> 4'],
      [LOADS.json.label, 'elsewhere', '4.50 -> 4.50', '30.0 -> 30.0', '2.00 -> 2.00', '9 -> 9', '4 -> 4'],
    ]);
  });
});

function turn(some: Pick<Turn, 'build' | 'place' | 'round' | 'p50' | 'p99'>): Turn {
  return {
    load: 'json',
    commitsPerSecond: 500,
    toReplicaMs: [0, 9],
    toPrimaryMs: [4],
    ownDelayMs: 1,
    isUrgent: true,
    requestsPerSecond: 7.5,
    primaryCores: 0.5,
    elsewhereCores: 0.1,
    allCores: 1.2,
    othersShare: 0.25,
    ...some,
  };
}
