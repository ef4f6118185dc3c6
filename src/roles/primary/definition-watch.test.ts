import { afterEach, expect, it } from 'vitest';
import { until } from '../../../test/kit/until.js';
import { silentLogger } from '../../std/logger.js';
import type { KnownDifference } from './definition-repair.js';
import { DefinitionWatch } from './definition-watch.js';

let watch: DefinitionWatch | undefined;
afterEach(() => watch?.closed());

const difference = (name: string): KnownDifference => ({
  object: `table \`d\`.\`${name}\``,
  name,
  node: 'n2',
  own: '{}',
  theirs: '{}',
});

function watching(looks: readonly (string[] | null)[]) {
  const known: (readonly string[])[] = [];
  const told: string[] = [];
  let next = 0;
  watch = new DefinitionWatch({
    logger: silentLogger,
    definitions: {
      differences: async () => looks[next++]?.map(difference) ?? null,
      saveKnown: async (names) => void known.push(names),
    },
    found: (reason) => told.push(reason),
    changed: () => {},
  });
  watch.opened();
  return { watch, known, told };
}

it('keeps differences that are found twice, not those of DDL under way, and forgets those that have ended', async () => {
  const { watch, known, told } = watching([null, ['a', 'passing'], ['a'], []]);
  await until('it knows', () => known.length === 1, { intervalMs: 10 });
  expect(known).toEqual([['a']]);
  await until('the difference was reported', () => told.length === 1, { intervalMs: 10 });
  expect(told[0]).toContain('The definition of table `d`.`a` differs from that on n2');
  expect(watch.warnings[0]).toContain('table `d`.`a`');
  watch.ddl();
  await until('it has forgotten', () => known.length === 2, { intervalMs: 10 });
  expect(known[1]).toEqual([]);
  await until('it does not warn any more', () => watch.warnings.length === 0, { intervalMs: 10 });
});

it('saves the first result even without a difference, because the file may be of an earlier run', async () => {
  const { known } = watching([[]]);
  await until('it is written', () => known.length === 1, { intervalMs: 10 });
  expect(known).toEqual([[]]);
});
