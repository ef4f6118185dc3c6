import { expect, it } from 'vitest';
import { SkeinError } from '../../model/error.js';
import type { SeedNeed } from '../../model/seed.js';
import type { LocalServerUp } from '../local-server.js';
import type { NodeParts } from '../role-node.js';
import { rejoinFormer } from './rejoin-former.js';

const MODULES = {
  signal: new AbortController().signal,
  ask: () => Promise.reject(new Error('not asked')),
  follows: () => true,
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
