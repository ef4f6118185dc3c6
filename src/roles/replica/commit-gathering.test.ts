import { describe, expect, it } from 'vitest';
import { CommitGathering } from './commit-gathering.js';

/** What the server was told, and what it says of itself then. */
function server(commitsGather: boolean | null = false) {
  const told: boolean[] = [];
  const state = { commitsGather };
  const gathering = new CommitGathering(async (on) => {
    told.push(on);
    state.commitsGather = on;
  });
  let ordinal = 1_000;
  let now = 50_000;
  /** Looks each 100 ms while so many are applied a second. */
  const run = async (perSecond: number, ms: number) => {
    for (let at = 0; at < ms; at += 100) {
      now += 100;
      ordinal += perSecond / 10;
      await gathering.watch(ordinal, state, now);
    }
  };
  return { told, state, run };
}

describe('CommitGathering', () => {
  it('begins while many are applied, and ends when few are', async () => {
    const { told, run } = server();
    await run(100, 1_000);
    expect(told).toEqual([]);
    await run(1_000, 1_000);
    expect(told).toEqual([true]);
    await run(10, 1_000);
    expect(told).toEqual([true, false]);
  });

  it('does not go to and fro between the two rates', async () => {
    const { told, run } = server();
    await run(200, 1_000);
    await run(400, 1_000);
    await run(200, 1_000);
    expect(told).toEqual([true]);
  });

  it('takes the first reading for a beginning, however far the log is', async () => {
    const { told, run } = server();
    await run(1_000_000, 100);
    expect(told).toEqual([]);
  });

  it('leaves what an operator has set alone', async () => {
    const { told, run } = server(null);
    await run(1_000, 1_000);
    await run(0, 1_000);
    expect(told).toEqual([]);
  });

  it('asks again of a server that was started anew, or that did not take it', async () => {
    const { told, run, state } = server();
    await run(1_000, 500);
    state.commitsGather = false;
    await run(1_000, 500);
    expect(told).toEqual([true, true]);
  });
});
