import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ElectionNet, type ElectionNode } from '../../test/kit/election-net.js';
import { foundingChain } from '../../test/simulation/world.js';
import type { ElectionMessage } from '../model/election-messages.js';
import type { FailoverReport } from './fail-report.js';

const NAMES = ['n1', 'n2', 'n3'];

let directory: string;
let net: ElectionNet;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'skein-election-'));
  net = new ElectionNet(directory, NAMES);
});

afterEach(async () => {
  await net.stop();
  await rm(directory, { recursive: true, force: true });
});

const json = async (node: ElectionNode, file: string): Promise<unknown> =>
  JSON.parse(await readFile(join(node.directory, file), 'utf8'));
const others = (node: ElectionNode) => net.nodes.filter((other) => other !== node);
const sentBy = (node: ElectionNode, kind: string) =>
  net.sent.filter(({ from, message }) => from === node.name && message.kind === kind);

/** The node has promised a newer epoch. */
const promised = ({ name }: ElectionNode, promisedEpoch: number): ElectionMessage => ({
  ...{ kind: 'heartbeatResponse', epoch: 1, number: 1 },
  standing: {
    ...{ incarnation: `${name}.0`, boot: 1, promisedEpoch, abstains: false },
    position: { epoch: 1, number: 0, ordinal: 10 },
  },
  offer: { serves: 'yes', maintenance: false, priority: 0, applied: 10 },
});

async function elected(): Promise<ElectionNode> {
  await net.passUntil('a primary', () => net.leader !== null);
  // Everybody follows it: one that was busy with a vote does so with its second heartbeat.
  await net.pass(500);
  return net.leader as ElectionNode;
}

async function reports(node: ElectionNode): Promise<FailoverReport[]> {
  await node.driver.stop();
  const text = await readFile(join(node.directory, 'failovers.jsonl'), 'utf8');
  return text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as FailoverReport);
}

describe('drivers', () => {
  it('elect one primary within the election time-out, with what they promised on their disks', async () => {
    await net.start();
    const ms = await net.passUntil('a primary', () => net.leader !== null);
    expect(ms).toBeLessThanOrEqual(1700);
    await net.pass(300);
    const leader = net.leader as ElectionNode;
    const epoch = leader.driver.role.epoch;
    expect(leader.did.slice(-4)).toEqual([
      `settleLog ${epoch}`,
      `feed ${epoch}`,
      `lead ${epoch}`,
      `serve ${epoch}`,
    ]);
    for (const node of net.nodes) {
      expect(node.driver.role).toMatchObject({ leader: leader.name, epoch });
      expect(await json(node, 'promise.json')).toMatchObject({ promisedEpoch: epoch });
      expect(await json(node, 'chain.json')).toMatchObject([{}, { epoch, primary: leader.name }]);
    }
    for (const other of others(leader)) expect(other.did.at(-1)).toBe(`follow ${leader.name} ${epoch}`);
    expect(await reports(leader)).toMatchObject([
      { epoch, primary: leader.name, detectedHow: 'start', pauseMs: null },
    ]);
  });

  it('replace a primary that is dead after a short pause, and report it', async () => {
    await net.start();
    const first = await elected();
    await first.kill();
    const ms = await net.passUntil('another primary', () => net.leader !== null);
    expect(ms).toBeLessThanOrEqual(400);
    const leader = net.leader as ElectionNode;
    const { epoch } = leader.driver.role;
    await net.pass(300);
    const [report] = (await reports(leader)).slice(-1);
    expect(report).toMatchObject({
      ...{ epoch, primary: leader.name, primaryBefore: first.name, detectedHow: 'link closed' },
      position: { ordinal: 10 },
    });
    expect(report?.votes.map(({ node, answer }) => [node, answer]).sort()).toEqual(
      NAMES.map((name) => [name, name === first.name ? null : 'yes']),
    );
    expect(report?.pauseMs).toBeGreaterThanOrEqual(0);
    // Since its last heartbeat, 200 ms before its death at most.
    expect(report?.pauseMs).toBeLessThanOrEqual(ms + 210);
    expect(leader.events).toContainEqual(
      expect.objectContaining({ event: 'election.report', more: expect.objectContaining({ epoch }) }),
    );
  });

  it('wait for a primary that is only silent, and it serves nobody meanwhile', async () => {
    await net.start();
    const first = await elected();
    first.isCut = true;
    const isReplaced = () => others(first).some(({ driver }) => driver.role.isServing);
    const ms = await net.passUntil('another primary', isReplaced);
    expect(ms).toBeGreaterThanOrEqual(800);
    expect(first.did.at(-1)).toMatch(/^suspend: no majority has answered/);
    first.isCut = false;
    await net.pass(500);
    expect(first.did).toContain('stepDown 1');
    expect(first.driver.role).toMatchObject({ kind: 'follower', epoch: 2 });
  });

  it('hand over when an operator wants it', async () => {
    await net.start();
    const first = await elected();
    const [target, third] = others(first) as [ElectionNode, ElectionNode];
    await expect(target.driver.transfer(null)).rejects.toMatchObject({ code: 'NOT_PRIMARY' });
    await expect(first.driver.transfer('n9')).rejects.toMatchObject({ code: 'NO_TARGET' });
    await first.driver.transfer(target.name);
    expect(first.did).toContain(`drain for ${target.name}`);
    await expect(first.driver.transfer(third.name)).rejects.toMatchObject({ code: 'TRANSFER_RUNNING' });
    const ms = await net.passUntil('the target leads', () => target.driver.role.isServing);
    expect(ms).toBeLessThanOrEqual(100);
    expect(first.did).toContain('stepDown 1');
    const [report] = (await reports(target)).slice(-1);
    expect(report).toMatchObject({ detectedHow: 'transfer', primaryBefore: first.name });
  });

  it('change the members, one change at a time', async () => {
    await net.start();
    const leader = await elected();
    const [kept, removed] = others(leader) as [ElectionNode, ElectionNode];
    const members = (names: string[]) => foundingChain(names)[0]?.members ?? [];
    const list = members([leader.name, kept.name]);
    await expect(kept.driver.changeMembers(list, leader.log)).rejects.toMatchObject({
      code: 'CHANGE_REFUSED',
    });
    const changed = leader.driver.changeMembers(list, leader.log);
    await expect(leader.driver.changeMembers(list, leader.log)).rejects.toMatchObject({
      code: 'CHANGE_REFUSED',
    });
    // It counts from the first moment on, before it is on the disk.
    expect(leader.driver.chain.at(-1)).toMatchObject({ number: 1, members: list });
    expect(leader.chainFile.chain.at(-1)).toMatchObject({ number: 0 });
    await changed;
    expect(await json(leader, 'chain.json')).toMatchObject([{}, { number: 0 }, { number: 1, members: list }]);
    await net.pass(100);
    expect(leader.did.slice(-2)).toEqual(['announce 1.1', 'announce 1.1, settled']);
    for (const node of net.nodes)
      expect(await json(node, 'chain.json')).toMatchObject([
        { members: null },
        { epoch: 1, number: 1, members: list },
      ]);
    expect(removed.driver.role.leader).toBe(leader.name);
    await expect(leader.driver.changeMembers(list, { ...leader.log, ordinal: 9 })).rejects.toMatchObject({
      code: 'CHAIN_INVALID',
    });
  });

  it('say of a change that its outcome is open when the lead is lost meanwhile', async () => {
    await net.start();
    const leader = await elected();
    const [other] = others(leader) as [ElectionNode];
    void leader.chainGate.hold();
    const changed = leader.driver.changeMembers(foundingChain([leader.name])[0]?.members ?? [], leader.log);
    leader.driver.message(other.name, promised(other, 7));
    expect(leader.did.at(-1)).toBe('stepDown 1');
    leader.chainGate.release();
    await expect(changed).rejects.toMatchObject({ code: 'CHANGE_INTERRUPTED' });
  });
});

describe('a driver', () => {
  it('votes only when the log stands still, and answers only when the promise is on the disk', async () => {
    const [one, two] = net.nodes as [ElectionNode, ElectionNode];
    void two.settleGate.hold();
    await one.start();
    await two.start();
    const position = { epoch: 0, number: 0, ordinal: 10 };
    two.driver.message('n1', { kind: 'vote', epoch: 3, campaign: 'a', position, transfer: false });
    await net.settle();
    expect(two.did).toEqual(['settleLog 3']);
    expect(await json(two, 'promise.json')).toMatchObject({ promisedEpoch: 0 });
    void two.promiseGate.hold();
    two.settleGate.release();
    await net.pass(1000);
    expect(sentBy(two, 'voteResponse')).toEqual([]);
    expect(await json(two, 'promise.json')).toMatchObject({ promisedEpoch: 0 });
    two.promiseGate.release();
    await net.settle();
    expect(sentBy(two, 'voteResponse')).toMatchObject([{ to: 'n1', message: { refusal: null, epoch: 3 } }]);
    expect(await json(two, 'promise.json')).toEqual({ promisedEpoch: 3, votedFor: 'a' });
  });

  it('waits for its fsync without ticking faster', async () => {
    const [one] = net.nodes as [ElectionNode];
    await one.start();
    void one.promiseGate.hold();
    const position = { epoch: 0, number: 0, ordinal: 10 };
    one.driver.message('n2', { kind: 'vote', epoch: 3, campaign: 'a', position, transfer: false });
    await net.pass(2000);
    expect(net.clock.isDueWithin(1)).toBe(false);
  });

  it('takes a late tick for a stall of its own process (rule H4)', async () => {
    const [one] = net.nodes as [ElectionNode];
    await one.start();
    await net.pass(900);
    net.clock.stall(3000);
    await net.pass(900);
    expect(sentBy(one, 'preVote')).toEqual([]);
    await net.pass(700);
    expect(sentBy(one, 'preVote')).not.toEqual([]);
  });

  it('takes what comes while it carries out effects after all of them', async () => {
    await net.start();
    const leader = await elected();
    const [other] = others(leader) as [ElectionNode];
    leader.onAction = (text) => {
      if (text.startsWith('suspend')) leader.driver.message(other.name, promised(other, 7));
    };
    await leader.driver.transfer(other.name);
    await net.settle();
    const suspended = leader.did.findIndex((text) => text.startsWith('suspend'));
    expect(leader.did.slice(suspended + 1, suspended + 3)).toEqual([
      `timeoutNow to ${other.name}`,
      'stepDown 1',
    ]);
  });

  it('ends its process when an action throws', async () => {
    await net.start();
    const leader = await elected();
    const error = new Error('a defect');
    leader.onAction = () => {
      throw error;
    };
    await expect(leader.driver.transfer(null)).rejects.toMatchObject({ code: 'NOT_PRIMARY' });
    expect(leader.failures).toEqual([error]);
  });

  it('stops in the middle of everything, and goes on from its disk', async () => {
    const [one, two] = net.nodes as [ElectionNode, ElectionNode];
    await one.start();
    await two.start();
    void two.promiseGate.hold();
    const position = { epoch: 0, number: 0, ordinal: 10 };
    two.driver.message('n1', { kind: 'vote', epoch: 3, campaign: 'a', position, transfer: false });
    await net.settle();
    const stopped = two.driver.stop();
    two.promiseGate.release();
    await stopped;
    await net.pass(5000);
    expect(sentBy(two, 'voteResponse')).toEqual([]);
    expect(two.did).toEqual(['settleLog 3']);
    await expect(two.driver.transfer(null)).rejects.toMatchObject({ code: 'NOT_PRIMARY' });
    await two.start();
    expect(two.driver.role.epoch).toBe(3);
    two.driver.message('n3', { kind: 'vote', epoch: 3, campaign: 'b', position, transfer: false });
    await net.settle();
    expect(sentBy(two, 'voteResponse')).toMatchObject([{ message: { refusal: 'voted in this epoch' } }]);
  });

  it('stops before it has begun', async () => {
    const [one] = net.nodes as [ElectionNode];
    const isWriting = one.promiseGate.hold();
    const started = one.start();
    await isWriting;
    const stopped = one.driver.stop();
    one.promiseGate.release();
    await started;
    await stopped;
    await net.pass(5000);
    expect([one.did, net.sent]).toEqual([[], []]);
  });

  it('ends its process once when a promise cannot be written, and answers nobody', async () => {
    const [one, two] = net.nodes as [ElectionNode, ElectionNode];
    await two.start();
    two.promiseGate.error = new Error('EIO: fsync');
    const position = { epoch: 0, number: 0, ordinal: 10 };
    two.driver.message('n1', { kind: 'vote', epoch: 3, campaign: 'a', position, transfer: false });
    await net.settle();
    two.driver.message('n1', { kind: 'vote', epoch: 4, campaign: 'b', position, transfer: false });
    await net.pass(5000);
    expect(two.failures).toEqual([two.promiseGate.error]);
    expect([two.did, net.sent]).toEqual([['settleLog 3'], []]);
    expect(one.failures).toEqual([]);
  });

  it('ends its process when the chain cannot be written', async () => {
    await net.start();
    for (const node of net.nodes) node.chainGate.error = new Error('EIO: fsync');
    await net.pass(3000);
    const failed = net.nodes.filter(({ failures }) => failures.length > 0);
    expect(failed).not.toEqual([]);
    for (const { failures, did } of failed) {
      expect(failures).toHaveLength(1);
      expect(did.filter((text) => text.startsWith('feed'))).toEqual([]);
    }
  });

  it('refuses a damaged promise by its name', async () => {
    const [one] = net.nodes as [ElectionNode];
    await one.start();
    await one.driver.stop();
    await writeFile(join(one.directory, 'promise.json'), '{"promisedEpoch":');
    await expect(one.start()).rejects.toMatchObject({
      code: 'PROMISE_UNREADABLE',
      message: expect.stringContaining(join(one.directory, 'promise.json')),
    });
  });

  it('without a promise begins with the epoch of its chain, and says so', async () => {
    const [one] = net.nodes as [ElectionNode];
    await one.start();
    await one.driver.stop();
    await rm(join(one.directory, 'promise.json'));
    await one.chainFile.save(foundingChain(NAMES).map((entry) => ({ ...entry, epoch: 4 })));
    await one.start();
    expect(await json(one, 'promise.json')).toEqual({ promisedEpoch: 4, votedFor: null });
    expect(one.said(/no promise on this node's disk.*epoch 4\.$/)).toHaveLength(1);
    expect(one.driver.role.epoch).toBe(4);
  });

  it('remembers over a restart what it has seen of others (rule E5)', async () => {
    await net.start();
    const leader = await elected();
    const [voter, third] = others(leader) as [ElectionNode, ElectionNode];
    await third.kill();
    await leader.driver.stop();
    expect(await json(leader, 'peers.json')).toMatchObject({ [voter.name]: { boot: 1, promisedEpoch: 1 } });
    await voter.driver.stop();
    // Its disk is that of an earlier day.
    voter.boot = -1;
    voter.fitness = { ...voter.fitness, abstains: 'It only answers.' };
    await voter.start();
    await leader.start();
    await net.pass(3000);
    expect(leader.said(/shows an older state of its disk/)).not.toEqual([]);
  });

  it('tells who would be elected', async () => {
    const [one] = net.nodes as [ElectionNode];
    await one.start();
    expect(one.driver.outlook().against).toContain('n2 has not been heard yet.');
    for (const node of net.nodes.slice(1)) await node.start();
    const leader = await elected();
    expect(others(leader).map(({ name }) => name)).toContain(leader.driver.outlook().elected);
    expect(leader.driver.outlook().against).toEqual([]);
  });
});
