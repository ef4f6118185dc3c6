import { expect, it } from 'vitest';
import { generateToken } from '../auth/token.js';
import { shownPath } from './shown-path.js';

const token = generateToken();

it.each([
  ['/v1/sql?sql=SELECT', true, '/v1/sql'],
  ['/v1/tables/shop/orders%20of%20today/rows', true, '/v1/tables/shop/orders%20of%20today/rows'],
  ['/v1/tokens/tok_abcdefghijkl', true, '/v1/tokens/tok_abcdefghijkl'],
  [`/v1/tokens/${token}`, true, '/v1/tokens/***'],
  [`/v1/outcome/x-${token}`, true, '/v1/outcome/x-***'],
  [`/v1/tokens/${token.replace('s', '%73').replace('_', '%5F')}`, true, '/v1/tokens/***'],
  [`/${token.toUpperCase()}`, false, '/***'],
  [`/v1/${token.slice(6)}`, false, '/v1/***'],
  ['/index.php', false, '/index.php'],
  ['/a b', false, '/***'],
  ['/v1/%73%65%63', false, '/v1/***'],
  [`/${'a/'.repeat(500)}`, false, `/${'a/'.repeat(99)}a`],
])('%s', (url, known, shown) => {
  expect(shownPath(url, known)).toBe(shown);
});
