import type { TestCluster } from '../kit/cluster.js';
import type { TestNode } from '../kit/test-node.js';
import type { Fault } from './faults.js';

/** What an operator does at a bad moment. Each may be refused; none may break a promise. */

const ANSWER_MS = 20_000;

/** Another node becomes the primary, in order. */
export function switchover(): Fault {
  return {
    ...{ kind: 'switchover', on: 'primary', holdMs: 0 },
    async begin(cluster) {
      const primary = (await cluster.electedPrimary()) ?? cluster.primary;
      return { node: primary.name, answer: await order(primary, '/v1/cluster/switchover'), end: nothing };
    },
  };
}

/** A replica, or the primary, which refuses, is filled from another node. */
export function reseed(on: string, victim: (cluster: TestCluster) => Promise<TestNode>): Fault {
  return {
    ...{ kind: 'reseed', on, holdMs: 0 },
    async begin(cluster) {
      const node = await victim(cluster);
      return { node: node.name, answer: await order(node, `/v1/nodes/${node.name}/reseed`), end: nothing };
    },
  };
}

const nothing = async () => {};

async function order(node: TestNode, path: string): Promise<string> {
  const answer = await node.request('POST', path, {}, { timeoutMs: ANSWER_MS }).catch(() => null);
  return answer === null ? 'no answer' : `${answer.status} ${answer.text.slice(0, 300)}`;
}
