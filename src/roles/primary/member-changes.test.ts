import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { epochEntry } from '../../../test/kit/chain-entry.js';
import { at, attachInfo } from '../../../test/kit/link.js';
import { throughout } from '../../../test/kit/until.js';
import { EventLog } from '../../events/event-log.js';
import { mariadb } from '../../flavour/mariadb/mariadb.js';
import type { ListedMember, MemberList } from '../../model/members.js';
import { ORIGIN } from '../../model/position.js';
import { silentLogger } from '../../std/logger.js';
import type { AttachInfo } from '../../wire/messages.js';
import { ChainFile } from '../chain-file.js';
import { Epochs } from '../epochs.js';
import { BootNumbers } from './boot-numbers.js';
import { MemberChanges } from './member-changes.js';
import { ReplicaSet } from './replica-set.js';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'skein-members-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const HTTP = 'http://127.0.0.1:8084';
const link = (port: number) => ({ host: '127.0.0.1', port });
const listed = (name: string, over: Partial<ListedMember> = {}): ListedMember => ({
  ...{ name, incarnation: `${name}-disk`, voter: true, link: link(7084), http: HTTP },
  ...{ mysqlRw: null, mysqlRo: null, ...over },
});
const N1 = listed('n1', { link: link(7083) });

async function changesOf(members: MemberList, isOpen = () => true): Promise<MemberChanges> {
  const chainFile = new ChainFile(directory);
  await chainFile.save([epochEntry(1, at(0, 0), members)]);
  const events = new EventLog({ node: 'n1' }, { logger: silentLogger, audit: { add: () => {} } });
  const isHeard = () => true;
  const epochs = new Epochs({ flavour: mariadb, chainFile });
  const replicas = new ReplicaSet(
    { node: 'n1', acknowledge: 'majority', hubWindowBytes: 1024 },
    {
      ...{
        events,
        isHeard,
        chain: () => chainFile.chain,
        keptChain: () => chainFile.chain,
        gtidText: mariadb.gtidText,
        moved: () => {},
      },
      logBegin: async () => ORIGIN,
      boots: new BootNumbers(directory, { logger: silentLogger }),
      catchUp: () => {
        throw new Error('nobody is fed here');
      },
    },
  );
  const modules = {
    logger: silentLogger,
    events,
    epochs,
    replicas,
    isHeard,
    isOpen,
    election: {
      // What the election of an only voter writes is on a majority at once.
      changeMembers: async (after: MemberList) => {
        await chainFile.save([{ ...epochEntry(1, at(0, 0), after), number: 1 }]);
        changes.announced(false);
        changes.announced(true);
      },
    },
  };
  const self = { place: N1, incarnation: N1.incarnation };
  const changes: MemberChanges = new MemberChanges(self, { ...modules, changed: () => {} });
  return changes;
}

const moved = link(7999);
const disk = { incarnation: 'another disk' };

it.each<[what: string, members: MemberList, attach: Partial<AttachInfo>, refusal: string | null]>([
  ['as the list says', [N1, listed('n2')], {}, null],
  ['from another address', [N1, listed('n2')], { link: moved }, null],
  ['with another disk', [N1, listed('n2')], disk, null],
  ['another machine', [N1, listed('n2')], { ...disk, link: moved }, 'MEMBER_ELSEWHERE'],
  [
    'the same, new in any cluster',
    [N1, listed('n2')],
    { ...disk, link: moved, adopted: null },
    'MEMBER_ELSEWHERE',
  ],
  ['a member that was just added', [N1, listed('n2', { incarnation: '' })], { adopted: null }, null],
  [
    'the same, whose address was not given exactly',
    [N1, listed('n2', { incarnation: '' })],
    { adopted: null, link: moved },
    null,
  ],
  [
    'a machine that had the name before the one that was just added',
    [N1, listed('n2', { incarnation: '', link: moved })],
    {},
    'MEMBER_ELSEWHERE',
  ],
  ['one that was removed and added again', [N1, listed('n2', { incarnation: '' })], {}, null],
  ['a witness, as the list says', [N1, listed('n2', { witness: true })], { witness: true }, null],
  ['a server where the list has a witness', [N1, listed('n2', { witness: true })], {}, 'MEMBER_KIND'],
  ['a witness where the list has a server', [N1, listed('n2')], { witness: true }, 'MEMBER_KIND'],
  ['no member yet', [N1], { adopted: null }, 'NOT_A_MEMBER'],
  ['a member no more', [N1], {}, 'REMOVED'],
])('a node that attaches: %s', async (_what, members, attach, refusal) => {
  const changes = await changesOf(members);
  expect(changes.refusalOf(attachInfo('n2', attach))?.refuse ?? null).toBe(refusal);
});

it('changes nothing before the epoch has begun, nor after it has ended', async () => {
  let isOpen = true;
  const changes = await changesOf([{ ...N1, http: 'http://127.0.0.1:1' }], () => isOpen);
  const httpNow = () => changes.list.find(({ name }) => name === 'n1')?.http;
  changes.look();
  changes.began();
  isOpen = false;
  changes.ended();
  changes.look();
  await throughout('nothing changes', 50, () => httpNow() === 'http://127.0.0.1:1');
  isOpen = true;
  changes.began();
  await expect.poll(httpNow).toBe(HTTP);
  changes.ended();
});
