import { describe, expect, it } from 'vitest';
import { afterFailure, leavesOpen, type Nature } from './attempts.js';
import { SkeinError } from './error.js';
import { jsonBatches } from './lines.js';
import { Nodes } from './nodes.js';
import { laterPosition } from './position.js';

const error = (code: string, status: number, more = {}) => new SkeinError(code, 'x', { status, ...more });

describe('what is sent again', () => {
  const cases: readonly (readonly [string, SkeinError, Record<Nature, boolean>])[] = [
    [
      'a connection that never was',
      error('NODE_UNREACHABLE', 0, { applied: 'no', retryable: true }),
      { read: true, keyed: true, once: true, pinned: false },
    ],
    [
      'a lost answer',
      error('NODE_UNREACHABLE', 0, { applied: 'unknown' }),
      { read: true, keyed: true, once: false, pinned: false },
    ],
    [
      'an unknown outcome',
      error('OUTCOME_UNKNOWN', 504, { applied: 'unknown' }),
      { read: true, keyed: true, once: false, pinned: false },
    ],
    [
      'a replica that was asked to write',
      error('NOT_PRIMARY', 421, { primary: 'http://a', retryable: true }),
      { read: true, keyed: true, once: true, pinned: false },
    ],
    [
      'a node that is not open',
      error('NO_QUORUM', 503, { retryable: true }),
      { read: true, keyed: true, once: true, pinned: false },
    ],
    [
      'a deadlock',
      error('ER_LOCK_DEADLOCK', 409, { retryable: true }),
      { read: true, keyed: true, once: true, pinned: false },
    ],
    [
      'a request with the same key that is under way',
      error('IDEMPOTENCY_KEY_IN_USE', 409, { retryable: true }),
      { read: false, keyed: true, once: false, pinned: false },
    ],
    [
      'a duplicate key',
      error('ER_DUP_ENTRY', 409),
      { read: false, keyed: false, once: false, pinned: false },
    ],
    ['wrong SQL', error('ER_PARSE_ERROR', 400), { read: false, keyed: false, once: false, pinned: false }],
    ['a wrong token', error('UNAUTHORIZED', 401), { read: false, keyed: false, once: false, pinned: false }],
    [
      "a statement that the server's own limit ended",
      error('ER_STATEMENT_TIMEOUT', 504),
      { read: false, keyed: false, once: false, pinned: false },
    ],
    [
      'what the caller gave up',
      error('ABORTED', 0, { applied: 'unknown' }),
      { read: false, keyed: false, once: false, pinned: false },
    ],
  ];
  it.each(cases)('%s', (_name, failure, expected) => {
    for (const nature of ['read', 'keyed', 'once', 'pinned'] as const) {
      expect(afterFailure(failure, nature).kind === 'again', nature).toBe(expected[nature]);
    }
  });

  it('a later refusal says nothing of an earlier attempt, a later verdict does', () => {
    expect(leavesOpen(error('NO_QUORUM', 503))).toBe(true);
    expect(leavesOpen(error('NOT_PRIMARY', 421))).toBe(true);
    expect(leavesOpen(error('ER_DUP_ENTRY', 409))).toBe(false);
  });
});

describe('which node', () => {
  const member = (http: string, role: 'primary' | 'replica' | 'witness', state = 'live') =>
    ({ http, role, state }) as never;

  it('reads go round the replicas, writes to the primary', () => {
    const nodes = new Nodes(['http://a/'], { turn: 0 });
    nodes.learn({
      epoch: 1,
      members: [member('http://a', 'primary'), member('http://b', 'replica'), member('http://c', 'replica')],
    });
    expect(nodes.candidates('primary')[0]).toBe('http://a');
    const firsts = [1, 2, 3, 4, 5, 6].map(() => nodes.candidates('any')[0]);
    expect(new Set(firsts)).toEqual(new Set(['http://b', 'http://c']));
    expect(nodes.candidates('any').at(-1)).toBe('http://a');
  });

  it('a witness is asked nothing, as long as another node is known', () => {
    const nodes = new Nodes(['http://w'], { turn: 0 });
    expect(nodes.candidates('any')).toEqual(['http://w']);
    const [a, b] = [member('http://a', 'primary'), member('http://b', 'replica', 'gone')];
    nodes.learn({ epoch: 1, members: [a, b, member('http://w', 'witness')] });
    expect(nodes.candidates('any')).toEqual(['http://a', 'http://b']);
    expect(nodes.candidates('primary')).toEqual(['http://a', 'http://b']);
    // It may be what an address of the configuration turns out to be.
    const other = new Nodes(['http://w', 'http://a'], { turn: 0 });
    other.isWitness('http://w');
    expect(other.candidates('any')).toEqual(['http://a']);
  });

  it('what failed, or is not live, comes last for a while', () => {
    let now = 0;
    const nodes = new Nodes(['http://a'], { now: () => now });
    nodes.learn({
      epoch: 1,
      members: [
        member('http://a', 'primary'),
        member('http://b', 'replica'),
        member('http://c', 'replica', 'gone'),
      ],
    });
    expect(nodes.candidates('any')).toEqual(['http://b', 'http://a', 'http://c']);
    nodes.failed('http://b');
    expect(nodes.candidates('any')[0]).toBe('http://a');
    now = 2001;
    expect(nodes.candidates('any')[0]).toBe('http://b');
  });

  it('the primary is where a node says it is, and no longer where it was', () => {
    const nodes = new Nodes(['http://a', 'http://b']);
    nodes.answered('http://a', { role: 'primary', epoch: 1 });
    nodes.primaryIs('http://n/');
    expect([nodes.primary, nodes.candidates('primary')[0]]).toEqual(['http://n', 'http://n']);
    nodes.isNoPrimary('http://n');
    expect(nodes.primary).toBeNull();
    expect(nodes.everywhere()).toEqual(expect.arrayContaining(['http://a', 'http://b', 'http://n']));
  });
});

it('a node that lives in an older epoch is not believed: it is a primary that was cut off', () => {
  const nodes = new Nodes(['http://old', 'http://new']);
  const of = (epoch: number, primary: string, replica: string) => ({
    epoch,
    members: [
      { http: primary, role: 'primary', state: 'live' },
      { http: replica, role: 'replica', state: 'live' },
    ] as never,
  });
  expect(nodes.learn(of(2, 'http://new', 'http://old'))).toBe(true);
  expect(nodes.learn(of(1, 'http://old', 'http://new'))).toBe(false);
  nodes.answered('http://old', { role: 'primary', epoch: 1 });
  expect(nodes.primary).toBe('http://new');
  nodes.answered('http://old', { role: 'primary', epoch: 3 });
  expect(nodes.primary).toBe('http://old');
  expect(nodes.learn(of(2, 'http://new', 'http://old'))).toBe(false);
});

describe('what arrives', () => {
  it('positions never go back', () => {
    expect(laterPosition(null, '1.5.x')).toBe('1.5.x');
    expect(laterPosition('1.10.x', '1.9.y')).toBe('1.10.x');
    expect(laterPosition('1.10.x', '2.9.y')).toBe('2.9.y');
    expect(laterPosition('2.1.x', '1.9.y')).toBe('2.1.x');
  });

  it('lines come whole, wherever they were cut on the way, and a last one without its end does not', async () => {
    const bytes = new TextEncoder().encode('{"a":"ä😀"}\n{"a":2}\n{"a":');
    for (const size of [1, 2, 3, 7, 100]) {
      const chunks = Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) =>
        bytes.slice(i * size, (i + 1) * size),
      );
      const body = new ReadableStream<Uint8Array>({
        pull(controller) {
          const chunk = chunks.shift();
          if (chunk) controller.enqueue(chunk);
          else controller.close();
        },
      });
      const lines: unknown[] = [];
      for await (const batch of jsonBatches(body)) lines.push(...batch);
      expect(lines).toEqual([{ a: 'ä😀' }, { a: 2 }]);
    }
  });
});
