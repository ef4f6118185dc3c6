import { expect, it } from 'vitest';
import { LOGIN_GRACE_MS, LoginPlaces } from './login-places.js';

const limits = { loginsMax: 10, loginsPerAddressMax: 6, loginMs: 10_000 };

/** `count` connections from an address, one in each millisecond. */
function fill(places: LoginPlaces<string>, address: string, count: number, fromMs = 0): void {
  for (let i = 0; i < count; i++) places.add(`${address}${i}`, address, fromMs + i);
}

it('below the limits nobody is dropped, however old; a full port drops one that is slow', () => {
  const places = new LoginPlaces<string>(limits);
  fill(places, 'a', 6);
  expect(places.toDrop(5_000, false)).toBeNull();
  expect(places.toDrop(5_000, true)).toBe('a0');
  expect(places.toDrop(LOGIN_GRACE_MS - 1, true), 'a busy machine is no attack').toBeNull();
});

it('the oldest of the address that has the most goes, so one address does not push out the others', () => {
  const places = new LoginPlaces<string>(limits);
  fill(places, 'b', 2);
  fill(places, 'a', 9, 100);
  expect(places.toDrop(5_000, false)).toBe('a0');
  places.remove('a0');
  expect(places.toDrop(5_000, false)).toBe('a1');
});

it('who is over the share of an address is dropped at once when the port is full, else only when slow', () => {
  const places = new LoginPlaces<string>(limits);
  fill(places, 'a', 7);
  expect(places.toDrop(10, false)).toBeNull();
  expect(places.toDrop(10, true)).toBe('a0');
});

it('many addresses: the total counts', () => {
  const places = new LoginPlaces<string>(limits);
  for (let i = 0; i < 11; i++) places.add(`c${i}`, `address ${i}`, i);
  expect(places.toDrop(5_000, false)).toBe('c0');
  places.remove('c0');
  expect(places.toDrop(5_000, false)).toBeNull();
  expect(places.count).toBe(10);
});

it('names those whose time is over, also one that was added late with an early time', () => {
  const places = new LoginPlaces<string>(limits);
  places.add('young', 'a', 9_000);
  places.add('old', 'a', 0);
  expect(places.late(9_999)).toEqual([]);
  expect(places.late(10_000)).toEqual(['old']);
  places.remove('old');
  places.remove('never there');
  expect(places.late(18_999)).toEqual([]);
});
