import { expect, it } from 'vitest';
import { readableLine } from './readable-line.js';

const json = JSON.stringify({
  time: '2026-01-02T03:04:05.678Z',
  level: 'warn',
  node: 'n1',
  part: 'link',
  peer: 'n2',
  reason: 'wrong secret',
  attempts: 3,
  msg: 'link refused',
});

it('shows time, level, place, message and data on one line', () => {
  expect(readableLine(json, { colour: false })).toBe(
    '03:04:05.678 warn  [n1 link] link refused peer=n2 reason="wrong secret" attempts=3\n',
  );
});

it('colours only when asked', () => {
  expect(readableLine(json, { colour: true })).toContain('\u001b[33mwarn ');
  expect(readableLine(json, { colour: false })).not.toContain('\u001b');
});

it('passes on what is not JSON', () => {
  expect(readableLine('plain\n', { colour: true })).toBe('plain\n');
});
