import { describe, expect, it } from 'vitest';
import { CommitBatching } from './commit-batching.js';

/** The orders to the server, and the setting that it reports afterwards. */
function server(batchesCommits: boolean | null = false) {
  const told: boolean[] = [];
  const state = { batchesCommits };
  const gathering = new CommitBatching(async (on) => {
    told.push(on);
    state.batchesCommits = on;
  });
  let ordinal = 1_000;
  let now = 50_000;
  /** Takes a reading each 100 ms, while this many transactions are applied per second. */
  const run = async (perSecond: number, ms: number) => {
    for (let at = 0; at < ms; at += 100) {
      now += 100;
      ordinal += perSecond / 10;
      await gathering.watch(ordinal, state, now);
    }
  };
  return { told, state, run };
}

describe('CommitBatching', () => {
  it('is turned on while many transactions are applied, and off when few are', async () => {
    const { told, run } = server();
    await run(100, 1_000);
    expect(told).toEqual([]);
    await run(1_000, 1_000);
    expect(told).toEqual([true]);
    await run(10, 1_000);
    expect(told).toEqual([true, false]);
  });

  it('does not change between the two rates', async () => {
    const { told, run } = server();
    await run(200, 1_000);
    await run(400, 1_000);
    await run(200, 1_000);
    expect(told).toEqual([true]);
  });

  it('measures no rate at the first reading, however high its ordinal is', async () => {
    const { told, run } = server();
    await run(1_000_000, 100);
    expect(told).toEqual([]);
  });

  it('does not change the settings of an operator', async () => {
    const { told, run } = server(null);
    await run(1_000, 1_000);
    await run(0, 1_000);
    expect(told).toEqual([]);
  });

  it('repeats the order to a server that was restarted or that failed to execute it', async () => {
    const { told, run, state } = server();
    await run(1_000, 500);
    state.batchesCommits = false;
    await run(1_000, 500);
    expect(told).toEqual([true, true]);
  });
});
