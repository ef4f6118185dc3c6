import { describe, expect, it } from 'vitest';
import { FollowerRounds } from './follower-rounds.js';

function make(needed = 1) {
  const sent: number[] = [];
  const rounds = new FollowerRounds({
    isEnough: (heard) => heard.size >= needed,
    send: (round) => sent.push(round),
  });
  const done: string[] = [];
  const ask = (name: string, signal = new AbortController().signal) =>
    void rounds.confirm(signal).then(
      () => done.push(name),
      (error: Error) => done.push(`${name}: ${error.message}`),
    );
  const settled = () => new Promise<void>((resolve) => setImmediate(resolve));
  return { rounds, sent, done, ask, settled };
}

describe('FollowerRounds', () => {
  it('sends no round when the primary alone is the quorum', async () => {
    const { sent, done, ask, settled } = make(0);
    ask('a');
    await settled();
    expect([sent, done]).toEqual([[], ['a']]);
  });

  it('confirms when enough different replicas have answered the current round', async () => {
    const { rounds, done, ask, settled } = make(2);
    ask('a');
    rounds.answered('n2', 1);
    rounds.answered('n2', 1);
    rounds.answered('n3', 0);
    await settled();
    expect(done).toEqual([]);
    rounds.answered('n3', 1);
    await settled();
    expect(done).toEqual(['a']);
  });

  it('never confirms a request by a round that began before the request', async () => {
    const { rounds, sent, done, ask, settled } = make();
    ask('a');
    ask('b');
    ask('c');
    rounds.answered('n2', 1);
    await settled();
    expect([sent, done]).toEqual([[1, 2], ['a']]);
    rounds.answered('n2', 1);
    await settled();
    expect(done).toEqual(['a']);
    rounds.answered('n2', 2);
    await settled();
    expect([sent, done]).toEqual([
      [1, 2],
      ['a', 'b', 'c'],
    ]);
    expect(rounds.running).toBe(null);
  });

  it('forgets requests that were aborted, and begins the next round without waiting for theirs', async () => {
    const { rounds, sent, done, ask, settled } = make();
    const first = new AbortController();
    ask('a', first.signal);
    first.abort(new Error('time over'));
    ask('b');
    expect(sent).toEqual([1, 2]);
    rounds.answered('n2', 1);
    rounds.answered('n2', 2);
    await settled();
    expect(done).toEqual(['a: time over', 'b']);
  });

  it('rejects every waiting request when the role ends', async () => {
    const { rounds, done, ask, settled } = make();
    ask('a');
    ask('b');
    rounds.end(new Error('closed'));
    rounds.answered('n2', 1);
    await settled();
    expect(done).toEqual(['a: closed', 'b: closed']);
  });
});
