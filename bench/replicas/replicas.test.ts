import { describe, expect, it } from 'vitest';
import { slopeOf } from '../throughput/statistics.js';
import type { CostFigures } from './cost.js';
import { goalTable } from './report.js';
import { parseSentBytes, sentBetween } from './sent-bytes.js';

describe('bytes that were sent', () => {
  it('are read from ss, and counted where the connection lasted', () => {
    const line = (peer: number, info: string) =>
      `0      0         127.0.0.1:7083     127.0.0.1:${peer} cubic wscale:7,7 rto:200 ${info} segs_out:12`;
    const before = parseSentBytes(`${line(40001, 'bytes_sent:1000 bytes_acked:900')}\n${line(40002, '')}\n`);
    const after = parseSentBytes(
      `${line(40001, 'bytes_sent:1500')}\n${line(40002, 'bytes_sent:20')}\n${line(40003, 'bytes_sent:99')}\n`,
    );
    expect([...before]).toEqual([
      [40001, 1000],
      [40002, 0],
    ]);
    expect(sentBetween(before, after)).toEqual({ connections: 2, bytes: 520 });
    expect(() => parseSentBytes('something else')).toThrow('not understood');
  });
});

describe('the cost of each more replica', () => {
  it('is the slope of the line that fits best', () => {
    expect(
      slopeOf([
        [1, 10],
        [2, 13],
        [4, 19],
      ]),
    ).toBeCloseTo(3);
    expect(slopeOf([[1, 10]])).toBeNaN();
  });

  it('is judged beside the native way it stands beside', () => {
    const all = [1, 2, 4].flatMap((replicas) => [
      cost('native-async', replicas, 100 + 20 * replicas),
      cost('skein-async', replicas, 300 + 10 * replicas),
    ]);
    const [cpu] = goalTable(all).rows;
    expect(cpu?.slice(1)).toEqual(['10.0', '20.0', '0.50', 'reached']);
  });
});

function cost(mode: string, replicas: number, serverCpuUs: number): CostFigures {
  return {
    mode,
    replicas,
    perSecond: 100,
    p50Ms: 1,
    serverCpuUs,
    nodeCpuUs: 0,
    serverMemory: 1,
    nodeMemory: 1,
    sentBytes: replicas,
    othersShare: 0,
  };
}
