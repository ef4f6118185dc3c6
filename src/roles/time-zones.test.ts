import { expect, it } from 'vitest';
import { OwnTimeZones, TimeZoneGuard } from './time-zones.js';

function guard(own: string | null) {
  const seen = { own, found: [] as string[], changes: 0 };
  const zones = new TimeZoneGuard({
    own: () => seen.own,
    found: (reason) => seen.found.push(reason),
    changed: () => seen.changes++,
  });
  return { zones, seen };
}

it('reports a replica with other zones once, and warns as long as the zones differ', () => {
  const { zones, seen } = guard('1-2-3');
  zones.heard('n2', '1-2-3');
  zones.heard('n3', '1-2-4');
  zones.heard('n3', '1-2-4');
  expect(seen.found).toHaveLength(1);
  expect(seen.found[0]).toContain('not those of n3:');
  expect(zones.warnings).toEqual(seen.found);
  zones.heard('n2', '0-0-0');
  expect(zones.warnings).toHaveLength(1);
  expect(zones.warnings[0]).toContain('not those of n2, n3:');
  zones.heard('n3', '1-2-3');
  zones.left('n2');
  expect(zones.warnings).toEqual([]);
  expect(seen.changes).toBe(4);
});

it('compares only known checksums', () => {
  const { zones, seen } = guard(null);
  zones.heard('n2', '1');
  seen.own = '2';
  zones.heard('n2', null);
  zones.heard('n2', undefined);
  expect(zones.warnings).toEqual([]);
  zones.heard('n2', '1');
  expect(zones.warnings).toHaveLength(1);
});

it('queries the server once a minute, and again when another server runs', async () => {
  let nowMs = 0;
  let asked = 0;
  const own = new OwnTimeZones({ timeZoneSums: async () => String(++asked) }, () => nowMs);
  expect(own.sums).toBeNull();
  await own.look();
  nowMs += 59_999;
  await own.look();
  expect(own.sums).toBe('1');
  nowMs += 1;
  await own.look();
  expect(own.sums).toBe('2');
  own.forget();
  expect(own.sums).toBeNull();
  await own.look();
  expect(own.sums).toBe('3');
});
