import { expect, it } from 'vitest';
import { ApiError, notPrimary } from '../api/api-error.js';
import type { Openness } from '../api/node-view.js';
import type { Role } from '../model/status.js';
import { Cancellation } from '../std/cancellation.js';
import { Emitter } from '../std/emitter.js';
import { type Attempt, type Attempted, final, HeldRequests } from './held-requests.js';

const CLOSED: Openness = { open: false, code: 'NOT_OPEN', reason: 'An election is under way.' };

class Node {
  readonly changed = new Emitter<void>();
  where: 'here' | 'elsewhere' | null = null;
  openness: Openness = CLOSED;
  #role: Role;

  constructor(role: Role) {
    this.#role = role;
  }

  role = () => this.#role;
  isOpen = () => this.openness;
  primaryIs = () => this.where;
  onPrimary = (listener: () => void) => this.changed.on(listener);

  loses(): void {
    this.#role = 'replica';
    this.becomes('elsewhere');
  }

  becomes(where: 'here' | 'elsewhere' | null): void {
    this.where = where;
    this.openness = where === 'here' ? { open: true } : CLOSED;
    this.changed.emit();
  }
}

interface Told {
  readonly role?: Role;
  readonly forwards?: boolean;
  readonly staysHere?: boolean;
  readonly waitMs?: number;
  readonly heldMax?: number;
}

const notOpen = () => new ApiError(503, 'NOT_OPEN', 'Not now.', { retryable: true });

function held(
  attempt: (node: Node, how: Attempt) => Attempted | Promise<Attempted>,
  { role = 'primary', forwards = false, staysHere = false, waitMs = 5_000, heldMax = 10 }: Told = {},
) {
  const node = new Node(role);
  const [gone, stopping] = [new Cancellation(), new Cancellation()];
  const requests = new HeldRequests({ waitMs, heldMax }, { node, stopping });
  const attempts: Attempt[] = [];
  const run = () =>
    requests.run({ timeoutMs: 10_000, forwards, staysHere, gone }, async (how) => {
      attempts.push(how);
      return await attempt(node, how);
    });
  return { node, gone, stopping, requests, attempts, run };
}

const ok = () => final({ kind: 'json', body: { ok: true } });
const orNotOpen = (node: Node): Attempted => {
  if (node.where === 'here') return ok();
  throw notOpen();
};

it('a request waits for the primary that opens, and then has less of its time', async () => {
  const { node, run, requests, attempts } = held(orNotOpen);
  const answer = run();
  await expect.poll(() => requests.counts).toEqual({ held: 1, total: 1 });
  node.becomes('here');
  expect(await answer).toMatchObject({ body: { ok: true } });
  expect(attempts).toHaveLength(2);
  expect(attempts[1]?.timeoutMs).toBeLessThanOrEqual(10_000);
  expect(requests.counts).toEqual({ held: 0, total: 1 });
});

it('what came to the primary goes on at the next one; what came to a replica only if it asks for that', async () => {
  const forwardsOf = async (told: Told) => {
    const { node, run, requests, attempts } = held((at, how) => {
      if (at.where === null) throw notOpen();
      if (how.forwards) return ok();
      throw notPrimary('http://n2');
    }, told);
    const answer = run().then(
      () => 'answered',
      (error: ApiError) => error.details.primary,
    );
    await expect.poll(() => requests.counts.held).toBe(1);
    node.becomes('elsewhere');
    return [await answer, attempts.map(({ forwards }) => forwards)];
  };
  expect(await forwardsOf({ role: 'primary' })).toEqual(['answered', [false, true]]);
  expect(await forwardsOf({ role: 'primary', staysHere: true })).toEqual(['http://n2', [false, false]]);
  expect(await forwardsOf({ role: 'replica' })).toEqual(['http://n2', [false, false]]);
  expect(await forwardsOf({ role: 'replica', forwards: true })).toEqual(['answered', [true, true]]);
});

it('what comes to a primary of a moment ago goes on at the next one, too', async () => {
  const { node, run, attempts } = held((_at, how) => {
    if (how.forwards) return ok();
    throw notPrimary('http://n2');
  });
  node.becomes('here');
  node.loses();
  expect(await run()).toMatchObject({ body: { ok: true } });
  expect(attempts).toHaveLength(1);
});

it('the error says how long the request was held', async () => {
  const { run } = held(orNotOpen, { waitMs: 100 });
  await expect(run()).rejects.toMatchObject({
    status: 503,
    code: 'NOT_OPEN',
    message: expect.stringMatching(/^Not now\. The request waited \d+ ms for an open primary\.$/),
  });
});

it.each<[string, Told, () => ApiError]>([
  ['nothing waits when it is switched off', { waitMs: 0 }, notOpen],
  ['the place of one more is taken', { heldMax: 0 }, notOpen],
  ['it may have been applied', {}, () => new ApiError(503, 'SERVER_DOWN', '', { applied: 'unknown' })],
  ['a part was applied', {}, () => new ApiError(503, 'SERVER_DOWN', '', { applied: 'partial' })],
  ['it is the fault of the request', {}, () => new ApiError(400, 'INVALID_FIELD', '')],
])('is answered at once: %s', async (_what, told, refusal) => {
  const { run, attempts } = held(() => {
    throw refusal();
  }, told);
  await expect(run()).rejects.toMatchObject({ code: refusal().code });
  expect(attempts).toHaveLength(1);
});

it('an open primary that takes no writes is asked twice', async () => {
  const { run, node, attempts } = held(() => {
    throw notOpen();
  });
  node.becomes('here');
  await expect(run()).rejects.toMatchObject({ code: 'NOT_OPEN' });
  expect(attempts).toHaveLength(2);
});

it.each(['gone', 'stopping'] as const)('ends when the client or the node is %s', async (which) => {
  const all = held(orNotOpen);
  const answer = all.run();
  await expect.poll(() => all.requests.counts.held).toBe(1);
  all[which].cancel();
  await expect(answer).rejects.toMatchObject({ code: 'NOT_OPEN' });
});
