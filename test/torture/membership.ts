import type { MemberPlace } from '../../src/model/members.js';
import type { MembersDocument } from '../../src/model/status.js';
import type { TestCluster } from '../kit/cluster.js';
import type { TestNode } from '../kit/test-node.js';
import { until } from '../kit/until.js';
import type { Fault } from './faults.js';

/** A member is removed, and added again later: while one is missing, a cluster of three does not survive a loss. */

const ANSWER_MS = 20_000;
/** The request is refused while another fault keeps a majority away, and is repeated. */
const BACK_WITHIN_MS = 120_000;

export function changeMembers(place: number, holdMs: number): Fault {
  return {
    ...{ kind: 'removed and added again', on: `replica ${place + 1}`, holdMs },
    async begin(cluster) {
      const primary = (await cluster.electedPrimary()) ?? cluster.primary;
      const { name } = cluster.nodes.filter((node) => node !== primary)[place] as TestNode;
      const before = await members(primary);
      const member = before?.members.find((candidate) => candidate.name === name);
      if (!member) return { node: name, answer: 'the list could not be read', end: async () => {} };
      const { link, http, mysqlRw, mysqlRo } = member;
      const answer = await primary
        .request('DELETE', `/v1/members/${name}`, undefined, { timeoutMs: ANSWER_MS })
        .catch(() => null);
      return {
        node: name,
        answer: answer === null ? 'no answer' : `${answer.status} ${answer.text.slice(0, 300)}`,
        end: () => addAgain(cluster, { name, link, http, mysqlRw, mysqlRo }),
      };
    },
  };
}

async function members(node: TestNode): Promise<MembersDocument | null> {
  const answer = await node
    .request<MembersDocument>('GET', '/v1/members', undefined, { timeoutMs: 5_000 })
    .catch(() => null);
  return answer?.status === 200 ? answer.body : null;
}

async function addAgain(cluster: TestCluster, place: MemberPlace): Promise<void> {
  await until(
    `${place.name} is a member again`,
    async () => {
      const primary = await cluster.electedPrimary();
      const list = primary && (await members(primary));
      if (!primary || !list || list.change !== null) return false;
      // Whether the removal was done or not: a change that is not under way any more does not come back.
      if (list.members.some(({ name }) => name === place.name)) return true;
      const { text } = await primary.request('POST', '/v1/members', place, { timeoutMs: ANSWER_MS });
      throw new Error(text);
    },
    { deadlineMs: BACK_WITHIN_MS, intervalMs: 300 },
  );
}
