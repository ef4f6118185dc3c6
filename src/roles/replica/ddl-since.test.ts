import { expect, it } from 'vitest';
import { makeFormat, makeGroup } from '../../../test/kit/spool/record-maker.js';
import type { Spool } from '../../spool/spool.js';
import { ddlSince } from './ddl-since.js';

const DDL = Buffer.from('ddl');
const ROWS = Buffer.from('rows, which are long enough for two pieces');
const flavour = { mayChangeDefinitions: (group: Buffer) => group.subarray(0, 3).equals(DDL) };

/** A spool that holds these groups, each as a read of its own; the ordinals begin at 1. */
function spoolOf(...groups: Buffer[]): Pick<Spool, 'reader'> {
  const made = groups.map((payload, i) =>
    Buffer.concat([
      makeFormat(i, 1, Buffer.from('format')),
      ...makeGroup({
        ordinal: i + 1,
        epoch: 1,
        previousEpoch: 1,
        payload,
        fragments: payload === ROWS ? 2 : 1,
      }),
    ]),
  );
  const reader = (from: number) => {
    let at = from - 1;
    return { next: async (until: number) => (at < until ? made[at++] : null) ?? null, close: () => {} };
  };
  return { reader } as unknown as Pick<Spool, 'reader'>;
}

it('finds the first group that may change definitions, and looks no further than asked', async () => {
  const spool = spoolOf(DDL, ROWS, ROWS, DDL, DDL);
  expect(await ddlSince({ after: 1, until: 3 }, { spool, flavour })).toBeNull();
  expect(await ddlSince({ after: 1, until: 5 }, { spool, flavour })).toBe(4);
  expect(await ddlSince({ after: 5, until: 5 }, { spool, flavour })).toBeNull();
});

it('looks only at the beginning of a group in pieces', async () => {
  const spool = spoolOf(ROWS);
  const seen: number[] = [];
  const counted = { mayChangeDefinitions: (group: Buffer) => seen.push(group.length) === 0 };
  expect(await ddlSince({ after: 0, until: 1 }, { spool, flavour: counted })).toBeNull();
  expect(seen).toEqual([Math.ceil(ROWS.length / 2)]);
});
