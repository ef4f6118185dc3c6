import { expect, it } from 'vitest';
import { epochEntry } from '../../../test/kit/chain-entry.js';
import { gtidIn } from '../../../test/kit/gtid.js';
import { throughout, until } from '../../../test/kit/until.js';
import { mariadb } from '../../flavour/mariadb/mariadb.js';
import { SkeinError } from '../../model/error.js';
import { ORIGIN } from '../../model/position.js';
import type { SeedNeed } from '../../model/seed.js';
import type { LocalServerUp } from '../local-server.js';
import type { NodeParts } from '../role-node.js';
import { type Rejoined, rejoinFormer } from './rejoin-former.js';

const MODULES = {
  signal: new AbortController().signal,
  ask: () => Promise.reject(new Error('not asked')),
  committed: () => null,
  follows: () => true,
  closedAt: null,
  change: <T>(work: () => Promise<T>) => work(),
};

/** A former primary whose server fails like this. */
function rejoin({ crashed, status }: { crashed: boolean; status: () => Promise<object> }) {
  const said: string[] = [];
  const fails = () => Promise.reject(new SkeinError('SERVER_DOWN', 'The local server is down.'));
  const parts = {
    config: { name: 'n1', directory: '/nowhere' },
    openMark: { epoch: 4, doubt: null },
    events: { add: (event: string) => void said.push(event) },
    kill: async () => void said.push('killed'),
    control: () => ({ status, replicaStatus: fails, closeForWrites: fails }),
    seeding: {
      need: ({ cause }: SeedNeed) => {
        said.push(`filled: ${cause}`);
        return null;
      },
    },
  } as unknown as NodeParts;
  const up = { pid: 7, adopted: false, crashed } as unknown as LocalServerUp;
  return rejoinFormer(up, parts, MODULES).then((rejoined) => ({ ...rejoined, said }));
}

const down = () => Promise.reject(new SkeinError('SERVER_UNREACHABLE', 'connect ECONNREFUSED'));

it.each([{ crashed: true }, { crashed: false }])(
  'a server that has ended meanwhile ($crashed) is judged when it is up again',
  async ({ crashed }) => {
    expect(await rejoin({ crashed, status: down })).toEqual({ kind: 'later', said: [] });
  },
);

it('a server that answers and cannot be compared is filled', async () => {
  const { kind, said } = await rejoin({ crashed: true, status: async () => ({}) });
  expect([kind, said]).toEqual(['replaced', ['filled: former-primary']]);
});

/** A server that stayed open while its node was away, and whose log ends with this transaction of epoch 1. */
function former(gtid: string) {
  const done: string[] = [];
  const primary = { committed: null as number | null, follows: true };
  const role = new AbortController();
  const control = () => ({
    status: async () => ({ readOnly: false, gtidBinlogPos: gtid }),
    closeForWrites: async () => void done.push('closed'),
    becomeReplica: async () => void done.push('a replica'),
  });
  const parts = {
    ...{ config: { name: 'n1' }, control, flavour: mariadb, newServerId: async () => 7 },
    chainFile: { chain: [epochEntry(1, ORIGIN), epochEntry(2, { epoch: 1, ordinal: 5, gtid: '0-1-5' })] },
    openMark: { epoch: 1, clear: async () => void done.push('mark cleared') },
  };
  const rejoined = rejoinFormer({ adopted: true } as LocalServerUp, parts as unknown as NodeParts, {
    signal: role.signal,
    ask: () => Promise.reject(new Error('no definitions are needed')),
    committed: () => primary.committed,
    follows: () => primary.follows,
    closedAt: null,
    change: (work) => work(),
  });
  return { done, primary, rejoined, role };
}

const at5 = gtidIn(1, 5);

it('a server that was closed in order is read when all that it has is committed (rule H9)', async () => {
  const { done, primary, rejoined } = former(at5);
  await until('it is a replica’s', () => done.includes('a replica'));
  let outcome: Rejoined | null = null;
  void rejoined.then((value) => {
    outcome = value;
  });
  primary.committed = 4;
  await throughout('it waits', 60, () => outcome === null && !done.includes('mark cleared'));
  primary.committed = 5;
  expect(await rejoined).toEqual({ kind: 'replica', hasDied: false });
  expect(done).toEqual(['closed', 'a replica', 'mark cleared']);
});

it('it is looked at again when the link ends before', async () => {
  const { done, primary, rejoined } = former(at5);
  primary.follows = false;
  expect(await rejoined).toEqual({ kind: 'later', closedAt: at5 });
  expect(done).not.toContain('mark cleared');
});

it('a server that has something else is left to the endpoint, which finds that', async () => {
  const { rejoined } = former(gtidIn(1, 6));
  expect(await rejoined).toEqual({ kind: 'replica', hasDied: false });
});
