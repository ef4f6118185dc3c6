import { expect, it } from 'vitest';
import { epochEntry } from '../../../test/kit/chain-entry.js';
import { ORIGIN } from '../../model/position.js';
import { dialAddress } from './dial-address.js';

const at = (host: string) => ({ host, port: 7083 });
const member = (name: string) => ({
  ...{ name, incarnation: '', voter: true, link: at(name), http: '', mysqlRw: null, mysqlRo: null },
});
const chain = [epochEntry(1, ORIGIN, [member('n1'), member('n2')])];
const none = { primary: null, chain: [], contact: null, routes: {} };

it.each([
  ['nothing is known', none, 0, null],
  ['only a contact', { ...none, contact: at('contact') }, 0, 'contact'],
  ['the list names the primary', { ...none, chain }, 0, 'n1'],
  ['the election names another one', { ...none, chain, primary: 'n2' }, 0, 'n2'],
  ['a route goes before the list', { ...none, chain, routes: { n1: at('tunnel') } }, 0, 'tunnel'],
  ['a contact comes after the list', { ...none, chain, contact: at('contact') }, 0, 'n1'],
  ['a primary whose address fails gets time to begin', { ...none, chain, contact: at('contact') }, 1, 'n1'],
  ['and more of it', { ...none, chain, contact: at('contact') }, 2, 'n1'],
  ['but it may have moved', { ...none, chain, contact: at('contact') }, 3, 'contact'],
  ['and the list is tried again', { ...none, chain, contact: at('contact') }, 4, 'n1'],
  ['a primary that is on no list', { ...none, chain, primary: 'n9', contact: at('contact') }, 0, 'contact'],
] as const)('%s', (_what, facts, failures, host) => {
  expect(dialAddress(facts, failures)?.host ?? null).toBe(host);
});
