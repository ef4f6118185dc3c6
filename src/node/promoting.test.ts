import { expect, it } from 'vitest';
import type { ForcePlan } from '../election/force.js';
import type { ClusterStatus } from '../model/status.js';
import { Emitter } from '../std/emitter.js';
import { Promoting } from './promoting.js';

function promoting() {
  const forced: boolean[] = [];
  const plan: ForcePlan = {
    ...{ epoch: 12_000_000, position: { epoch: 1, number: 0, ordinal: 7 } },
    ...{ refusals: [], others: [], serves: 'yes' },
  };
  const open = { name: 'n3', role: 'primary', state: 'live', epoch: 12_000_000 };
  const status = { primary: 'n3', epoch: 12_000_000, members: [{ ...open, positions: { durable: 7 } }] };
  const changed = new Emitter<void>();
  const orders = new Promoting(
    { name: 'n3', cluster: 'shop' },
    {
      driver: {
        forcePlan: () => plan,
        force: async (withShorterLog) => void forced.push(withShorterLog),
        onChange: changed,
      },
      host: { onChange: changed, clusterStatus: () => status as unknown as ClusterStatus },
      events: { add: () => ({}) as never },
    },
  );
  const order = (confirm: string | null) =>
    orders.order({ confirm, withShorterLog: false }, AbortSignal.timeout(20_000));
  return { order, forced };
}

it('is not done without the name of the cluster, and names it', async () => {
  const { order, forced } = promoting();
  expect(await order(null)).toMatchObject({ cluster: 'shop', node: 'n3', done: false, epoch: 12_000_000 });
  expect(forced).toEqual([]);
});

it('is not done with the name of another cluster', async () => {
  const { order, forced } = promoting();
  await expect(order('test')).rejects.toMatchObject({ code: 'OTHER_CLUSTER' });
  expect(forced).toEqual([]);
});

it('is done with the name of the cluster', async () => {
  const { order, forced } = promoting();
  expect(await order('shop')).toMatchObject({ done: true });
  expect(forced).toEqual([false]);
});
