import { expect, it } from 'vitest';
import { chunk, hole, renamed } from '../../test/kit/mbstream.js';
import { StreamParser, type StreamStep } from './stream-parser.js';

const firstWrong = (bytes: Buffer, pieceBytes: number) => parsed(bytes, pieceBytes).wrong;

/** What was found, with what follows itself in one file joined. */
function parsed(bytes: Buffer, pieceBytes: number): { wrong: string | null; found: string[] } {
  const steps: StreamStep[] = [];
  const parser = new StreamParser((step) => steps.push(step));
  for (let at = 0; at < bytes.length; at += pieceBytes) {
    const wrong = parser.take(Buffer.from(bytes.subarray(at, at + pieceBytes)));
    if (wrong !== null) return { wrong, found: textOf(steps) };
  }
  return { wrong: parser.end(), found: textOf(steps) };
}

function textOf(steps: readonly StreamStep[]): string[] {
  const lines: string[] = [];
  let end = '';
  for (const step of steps) {
    if (step.kind === 'bytes') {
      const text = step.bytes.toString('latin1');
      if (end === `${step.name} ${step.offset}`) lines.push(lines.pop() + text);
      else lines.push(`${step.name} ${step.offset} ${text}`);
      end = `${step.name} ${step.offset + text.length}`;
      continue;
    }
    end = '';
    if (step.kind === 'hole') lines.push(`${step.name} is ${step.until} long`);
    else if (step.kind === 'rename') lines.push(`${step.name} becomes ${step.to}`);
    else lines.push(`${step.kind} ${step.name}`);
  }
  return lines;
}

const WELL = Buffer.concat([
  chunk('P', 'ibdata1', Buffer.alloc(50, 'XBSTCK01')),
  chunk('P', './shop/a..b.ibd', Buffer.alloc(0)),
  chunk('P', 'ibdata1', Buffer.from('more'), 50),
  chunk('E', './shop/a..b.ibd'),
  chunk('D', 'shop/old.ibd'),
  hole('shop/holes.ibd', 8192),
  chunk('P', 'shop/holes.ibd', Buffer.from('x'), 8192),
  renamed('shop/a.ibd', 'shop/b.ibd'),
  chunk('E', 'ibdata1'),
]);

it('finds the same in pieces of any size', () => {
  for (const size of [1, 2, 7, 14, 100, 10_000]) {
    expect(parsed(WELL, size)).toEqual({
      wrong: null,
      found: [
        `ibdata1 0 ${Buffer.alloc(50, 'XBSTCK01')}`,
        './shop/a..b.ibd is 0 long',
        'ibdata1 50 more',
        'end ./shop/a..b.ibd',
        'remove shop/old.ibd',
        'shop/holes.ibd is 8192 long',
        'shop/holes.ibd 8192 x',
        'shop/a.ibd becomes shop/b.ibd',
        'end ibdata1',
      ],
    });
  }
});

it.each([
  ['a parent', chunk('P', '../evil', Buffer.alloc(1))],
  ['a parent further on', chunk('P', 'shop/../../evil', Buffer.alloc(1))],
  ['a file outside that is removed', chunk('D', 'shop/../../victim')],
  ['an absolute path', chunk('P', '/etc/cron.d/evil', Buffer.alloc(1))],
  ['a name that is renamed to the outside', renamed('shop/a.ibd', '../evil')],
  ['a name that a program in C reads otherwise', chunk('P', '..\0/x', Buffer.alloc(1))],
])('refuses %s', (_what, bad) => {
  for (const size of [1, 5, 10_000])
    expect(firstWrong(Buffer.concat([WELL, bad, WELL]), size)).toMatch(/outside of the data/);
});

it('refuses what it cannot follow', () => {
  expect(firstWrong(Buffer.from('no stream of that kind'), 5)).toMatch(/no stream/);
  expect(firstWrong(chunk('Z', 'a'), 100)).toMatch(/unknown type/);
  expect(firstWrong(chunk('E', 'a'.repeat(600)), 100)).toMatch(/a name of 600 bytes/);
  expect(firstWrong(hole('a', 2 ** 60), 100)).toMatch(/impossible length/);
});

it('refuses bytes that changed on their way, and an end in the middle', () => {
  const changed = chunk('P', 'ibdata1', Buffer.from('some bytes'));
  changed[changed.length - 1] = 0;
  for (const size of [1, 3, 10_000]) {
    expect(firstWrong(changed, size)).toMatch(/"ibdata1" has another checksum/);
    expect(firstWrong(WELL.subarray(0, 90), size)).toMatch(/in the middle/);
    expect(firstWrong(WELL.subarray(0, -3), size)).toMatch(/in the middle/);
  }
});
