import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { PROMISE_RULES } from './rules.js';
import { MEANINGFUL_VARIABLES } from './session-variables.js';

const root = join(import.meta.dirname, '../..');
const read = (file: string) => readFileSync(join(root, file), 'utf8');

it.each(PROMISE_RULES)('"$title" is described for people, with what holds it', ({ title, heldBy }) => {
  const section = read('docs/promise.md')
    .split(/^## /m)
    .find((text) => text.startsWith(`${title}\n`));
  expect(section).toBeDefined();
  expect(section).toContain(`**${heldBy.join(', ')}**`);
});

it('the document describes nothing that the list does not have', () => {
  const titles = [...read('docs/promise.md').matchAll(/^## (.+)$/gm)].map(([, title]) => title);
  expect(titles).toEqual(PROMISE_RULES.map(({ title }) => title));
});

it.each(PROMISE_RULES.filter(({ test }) => test !== null))(
  '"$title" is tried by a test',
  ({ test, place }) => {
    expect(read(test?.file ?? '')).toContain(test?.name ?? '');
    const files = [...place.matchAll(/[\w/-]+\.ts/g)].map(([file]) => file);
    expect(files.length).toBeGreaterThan(0);
    for (const file of files) expect(existsSync(join(root, 'src', file))).toBe(true);
  },
);

it.each(PROMISE_RULES)(
  '"$title" names a place and a test exactly when something is held',
  ({ heldBy, test, place }) => {
    const held = !heldBy.includes('not held');
    expect([test !== null, place !== '']).toEqual([held, held]);
  },
);

it('the document names each session variable that DDL depends on', () => {
  const text = read('docs/promise.md');
  expect(MEANINGFUL_VARIABLES.filter(({ name }) => !text.includes(`\`${name}`))).toEqual([]);
});
