import { newClusterId, readIdentity, writeIdentity } from '../../config/identity.js';
import { nodeConfig } from '../../config/node-config.js';
import { ownPlace } from '../../config/place.js';
import { messageOf, SkeinError } from '../../model/error.js';
import { isSameLink, type MemberPlace } from '../../model/members.js';
import type { MembersDocument } from '../../model/status.js';
import { sleep } from '../../std/timing.js';
import { hasRunBefore } from './directory.js';
import { openPrimary } from './open-primary.js';
import type { PlannedNode } from './plan.js';

/** The node refused the token. A node that has just opened needs a moment to read its tokens. */
class Refused extends Error {}
const REFUSALS_MAX = 100;

/** The first of these nodes is the founder. */
type Plan = readonly PlannedNode[];

/** Short, because it adds to the time until a new cluster is ready. */
const POLL_MS = 50;
const ANSWER_MS = 15_000;

/**
 * Gives every new node of the plan its identity: the first node of a new cluster founds it. The others belong to its cluster,
 * and wait to be added, or to be filled when their directory was lost.
 * @throws SkeinError EARLIER_BUILD, IDENTITY_UNREADABLE
 */
export async function writeIdentities(plan: Plan): Promise<void> {
  const identities = await Promise.all(plan.map(({ directory }) => readIdentity(directory)));
  const old = plan.find((node, at) => identities[at] === null && hasRunBefore(node));
  if (old) throw earlierBuild(old);
  const known = identities.find((identity) => identity !== null)?.cluster ?? null;
  const cluster = known ?? newClusterId();
  for (const [at, { directory }] of plan.entries())
    if (identities[at] === null)
      await writeIdentity(directory, { cluster, founder: at === 0 && known === null });
}

function earlierBuild({ name, directory }: PlannedNode): SkeinError {
  return new SkeinError(
    'EARLIER_BUILD',
    `${directory} holds data, but not the identity of ${name} (identity.json): an earlier build of Skein made it, or the file was lost. This build cannot use it. If an earlier build made it, dump its data with that build (skein dump), and load the dump into a new cluster: --dir <another directory>. If the file was lost, restore it: "cluster" in it is the same on all nodes of the cluster.`,
  );
}

/**
 * Adds the nodes of the plan that are not members yet. Resolves when all are voters. It tries again while no primary is
 * open; `extra` are nodes beyond the plan, one of which may be the primary.
 */
export async function addMembers(
  plan: Plan,
  {
    token,
    changed,
    signal,
    extra = [],
  }: { token: string; changed(reason: string): void; signal: AbortSignal; extra?: Plan },
): Promise<void> {
  let refusals = 0;
  for (;;) {
    signal.throwIfAborted();
    try {
      const { url } = await primaryOf([...plan, ...extra], signal);
      const { members } = await ask(url, 'GET', token, signal);
      for (const node of plan) {
        const place = placeOfPlanned(node);
        const listed = members.find(({ name }) => name === node.name);
        // Only added, and then started on other ports: the list could not follow it, see MEMBER_ELSEWHERE.
        const isElsewhere = listed?.incarnation === '' && !isSameLink(listed.link, place.link);
        if (isElsewhere) await ask(url, 'DELETE', token, signal, node.name);
        if (isElsewhere || !listed) await ask(url, 'POST', token, signal, place);
      }
      const waiting = plan.filter(({ name }) => !members.find((member) => member.name === name)?.voter);
      if (waiting.length === 0) return;
      changed(
        `not voters before they have received everything: ${waiting.map(({ name }) => name).join(', ')}`,
      );
    } catch (error) {
      signal.throwIfAborted();
      // The operator has removed the token: from then on the operator decides on members.
      if (error instanceof Refused && ++refusals > REFUSALS_MAX) return;
      changed(`the members cannot be added yet: ${messageOf(error)}`);
    }
    await sleep(POLL_MS, signal);
  }
}

/**
 * Takes a node out of the list of members. Resolves when the list without it is on a majority of the voters before and after.
 * It tries again while that cannot be. When the node is the primary, it first hands over to `successor`.
 * @throws SkeinError TOKEN_REFUSED
 */
export async function removeMember(
  plan: Plan,
  { name, successor }: { name: string; successor: string },
  { token, changed, signal }: { token: string; changed(reason: string): void; signal: AbortSignal },
): Promise<void> {
  for (;;) {
    try {
      const primary = await primaryOf(plan, signal);
      const { members } = await ask(primary.url, 'GET', token, signal);
      if (!members.some((member) => member.name === name)) return;
      if (primary.name === name) await switchOver(primary.url, successor, token, signal);
      else await ask(primary.url, 'DELETE', token, signal, name);
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof Refused)
        throw new SkeinError(
          'TOKEN_REFUSED',
          `${name} was not removed: the admin token in the cluster's directory is not accepted any more. Start with all nodes, and remove it with a token of your own: skein remove ${name}`,
        );
      changed(`${name} cannot be removed yet: ${messageOf(error)}`);
      await sleep(POLL_MS, signal);
    }
  }
}

async function primaryOf(plan: Plan, signal: AbortSignal): Promise<PlannedNode> {
  const primary = await openPrimary(plan, signal);
  if (primary === null) throw new Error('no primary is open yet');
  return primary;
}

function placeOfPlanned({ config, directory }: PlannedNode): MemberPlace {
  return ownPlace(nodeConfig(config, { source: 'the plan', baseDirectory: directory }));
}

function switchOver(url: string, to: string, token: string, signal: AbortSignal): Promise<unknown> {
  return send(`${url}/v1/cluster/switchover`, 'POST', token, signal, { to });
}

function ask(
  url: string,
  method: 'GET' | 'POST' | 'DELETE',
  token: string,
  signal: AbortSignal,
  what?: MemberPlace | string,
): Promise<MembersDocument> {
  const path = typeof what === 'string' ? `/v1/members/${what}` : '/v1/members';
  const body = typeof what === 'object' ? what : undefined;
  return send(`${url}${path}`, method, token, signal, body) as Promise<MembersDocument>;
}

async function send(
  url: string,
  method: string,
  token: string,
  signal: AbortSignal,
  body?: object,
): Promise<unknown> {
  const response = await fetch(url, {
    method,
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    ...(body && { body: JSON.stringify(body) }),
    signal: AbortSignal.any([signal, AbortSignal.timeout(ANSWER_MS)]),
  });
  const answer = (await response.json()) as { error?: { message: string } };
  if (response.status === 401 || response.status === 403)
    throw new Refused('the admin token is not accepted');
  if (!response.ok) throw new Error(answer.error?.message ?? `it answers ${response.status}`);
  return answer;
}
