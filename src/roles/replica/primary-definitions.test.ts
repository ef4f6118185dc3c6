import { expect, it } from 'vitest';
import type { DefinitionsQuery } from '../../wire/messages.js';
import { PrimaryDefinitions } from './primary-definitions.js';

function primary(isUp = true) {
  const asked: DefinitionsQuery[] = [];
  const definitions = new PrimaryDefinitions((query) => {
    asked.push(query);
    return isUp;
  });
  return { asked, definitions };
}

it('gives each question its own answer', async () => {
  const { asked, definitions } = primary();
  const answers = [definitions.ask(null), definitions.ask(['table a.b'])];
  const [first, second] = asked.map(({ id }) => ({ id, definitions: {}, failed: null }));
  if (!first || !second) throw new Error('two questions were sent');
  definitions.answered(second);
  definitions.answered({ ...first, id: 99 });
  definitions.answered(first);
  expect(await Promise.all(answers)).toEqual([first, second]);
  expect(asked.map(({ objects }) => objects)).toEqual([null, ['table a.b']]);
});

it('a question has no answer when there is no link, or the link ends', async () => {
  await expect(primary(false).definitions.ask(null)).rejects.toMatchObject({ code: 'LINK_ENDED' });
  const { definitions } = primary();
  const answer = definitions.ask(null);
  definitions.linkEnded();
  await expect(answer).rejects.toMatchObject({ code: 'LINK_ENDED' });
});
