import { expect, it } from 'vitest';
import { hideSecrets } from './hide-secrets.js';

it('hides fields of a secret’s name, at the top and inside, and leaves the caller’s object as it was', () => {
  const data = {
    peer: 'n2',
    password: 'a',
    inner: { authorization: 'b', deeper: { secret: ['c'] } },
    passwd: 0,
  };
  const before = structuredClone(data);
  expect(hideSecrets(data)).toEqual({
    peer: 'n2',
    password: '(hidden)',
    inner: { authorization: '(hidden)', deeper: { secret: '(hidden)' } },
    passwd: '(hidden)',
  });
  expect(data).toEqual(before);
});

it('shows the id of a token, and never the token', () => {
  expect(hideSecrets({ token: 'tok_1' })).toEqual({ token: 'tok_1' });
  expect(hideSecrets({ token: null })).toEqual({ token: null });
  for (const token of ['skein_abc', '', 7, { value: 'tok_1' }])
    expect(hideSecrets({ token })).toEqual({ token: '(hidden)' });
});

it('does not copy what has nothing to hide', () => {
  const data = { a: 1, token: 'tok_1', inner: { list: [1, 2], at: new Date(0), none: undefined } };
  expect(hideSecrets(data)).toBe(data);
  for (const value of [null, undefined, 'password', 3]) expect(hideSecrets(value)).toBe(value);
});
