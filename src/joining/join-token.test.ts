import { expect, it } from 'vitest';
import { formatJoinToken, joinSecretOf, newJoinTokenId, parseJoinToken } from './join-token.js';

it('the id of a token is never taken for an option of the command line', () => {
  const ids = Array.from({ length: 3_000 }, newJoinTokenId);
  expect(ids.filter((id) => id.startsWith('-'))).toEqual([]);
  expect(new Set(ids).size).toBe(ids.length);
});

it('a token that is shown is read back; a part of one is none', () => {
  const id = newJoinTokenId();
  const token = { id, secret: joinSecretOf(Buffer.from('the secret of the cluster'), id) };
  const text = formatJoinToken(token);
  expect(parseJoinToken(` ${text}\n`)).toEqual(token);
  expect(parseJoinToken(text.slice(0, -1))).toBeNull();
});
