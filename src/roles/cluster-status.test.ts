import { expect, it } from 'vitest';
import { epochEntry } from '../../test/kit/chain-entry.js';
import { heartbeatBody } from '../../test/kit/link.js';
import { ORIGIN } from '../model/position.js';
import { bareStatus, ledBy, ownStatus, seenFromReplica } from './cluster-status.js';

const member = (name: string, port: number, voter = true) => ({
  ...{ name, incarnation: name, voter, link: { host: '10.0.0.1', port }, http: `http://10.0.0.1:${port}` },
  ...{ mysqlRw: `10.0.0.1:${port + 1}`, mysqlRo: null },
});
const list = [member('n1', 1), member('n2', 2), member('n3', 3, false)];
const own = ownStatus({
  heartbeat: heartbeatBody('n2', 'replica'),
  state: 'joining',
  voter: true,
  witness: false,
  since: '',
});

it('before any message from its cluster, a node lists the members in its chain', () => {
  const chain = [epochEntry(4, ORIGIN, list)];
  const status = bareStatus({ cluster: 'shop', acknowledge: 'majority' }, { chain, primary: 'n1', own });
  expect(status).toMatchObject({ epoch: 4, primary: 'n1', quorum: { needed: 2, attached: 0, voters: 2 } });
  expect(status.members.map(({ name, role, voter, http }) => [name, role, voter, http])).toEqual([
    ['n1', 'primary', true, 'http://10.0.0.1:1'],
    ['n2', 'replica', true, own.http],
    ['n3', 'replica', false, 'http://10.0.0.1:3'],
  ]);
  expect(status.members[2]).toMatchObject({ state: 'joining', lastHeartbeatMs: null, link: '10.0.0.1:3' });
  const link = { up: false, silentMs: null, reason: 'nobody answers' };
  const seen = seenFromReplica(null, own, status, link);
  expect(seen.members[0]).toMatchObject({ name: 'n1', state: 'gone', reason: 'nobody answers' });
});

it('a node without a list knows itself', () => {
  const status = bareStatus({ cluster: 'shop', acknowledge: 'majority' }, { chain: [], primary: null, own });
  expect(status.members).toEqual([own]);
  expect(status.quorum).toEqual({ needed: 0, attached: 0, voters: 0 });
});

it('a node tells of its own seed while its link is down too', () => {
  const seeding = {
    ...{ phase: 'waiting' as const, cause: 'operator' as const, donor: 'n3', attempt: 1, bytes: 9 },
    ...{ bytesTotal: 9, bytesPerSecond: 0, remainingMs: null, since: '', reason: 'asked for' },
  };
  const heartbeat = { ...heartbeatBody('n2', 'replica'), seeding };
  expect(ownStatus({ heartbeat, state: 'joining', voter: true, witness: false, since: '' }).seeding).toEqual(
    seeding,
  );
});

it('a witness is shown as one, also before it was heard of, unless it has the lead', () => {
  const chain = [epochEntry(4, ORIGIN, [...list.slice(0, 2), { ...member('w3', 3), witness: true }])];
  const status = bareStatus({ cluster: 'shop', acknowledge: 'majority' }, { chain, primary: 'n1', own });
  const roles = (of: typeof status) => of.members.map(({ role }) => role);
  expect(roles(status)).toEqual(['primary', 'replica', 'witness']);
  const led = ledBy(status, { name: 'w3', epoch: 5 });
  expect([led.primary, roles(led)]).toEqual(['w3', ['replica', 'replica', 'primary']]);
  expect(roles(ledBy(led, { name: 'n2', epoch: 6 }))).toEqual(['replica', 'primary', 'witness']);
});
