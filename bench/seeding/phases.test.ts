import { describe, expect, it } from 'vitest';
import { seedFiguresOf } from './phases.js';

const START = Date.parse('2026-01-01T00:00:00.000Z');
const line = (seconds: number, msg: string, more: object) =>
  JSON.stringify({ level: 30, time: new Date(START + seconds * 1000).toISOString(), msg, ...more });
const step = (seconds: number, phase: string) => line(seconds, 'seeding', { phase, donor: 'n2' });
const received = line(16, 'snapshot received', { bytes: 1000, prepareMs: 2500, syncMs: 3500 });
const times = { startedMs: START, healthyMs: START + 19_000 };

describe('what a log tells of a seed', () => {
  it('is how long each phase took, a repeated one in all', () => {
    const log = [
      step(1, 'choosing'),
      step(2, 'backing-off'),
      step(3, 'choosing'),
      step(4, 'transferring'),
      'a line of another program',
      step(10, 'preparing'),
      received,
      step(16, 'placing'),
      step(18, 'idle'),
    ].join('\n');
    const { phases, ...rest } = seedFiguresOf(log, times);
    expect(rest).toEqual({ donor: 'n2', bytes: 1000, transferMs: 6000, prepareMs: 2500, syncMs: 3500 });
    expect(Object.fromEntries(phases.map(({ name, ms }) => [name, ms]))).toEqual({
      starting: 1000,
      choosing: 2000,
      'backing-off': 1000,
      transferring: 6000,
      preparing: 6000,
      placing: 2000,
      opening: 1000,
    });
  });

  it('is an error while the seed is not over', () => {
    const log = [step(1, 'choosing'), step(2, 'transferring'), received].join('\n');
    expect(() => seedFiguresOf(log, times)).toThrow('does not tell of a seed that was completed');
  });
});
