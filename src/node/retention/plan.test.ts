import { describe, expect, it } from 'vitest';
import { type DiskSpace, diskLevel, wantedFree } from './disk.js';
import { LogGrowth } from './growth.js';
import { DISK_LEVELS, type DiskLevel, type LogFacts, type LogNeed, planRetention } from './plan.js';

const HOUR = 3_600_000;
const LIMITS = { bytes: 1000, ageMs: 72 * HOUR };
const OK = { level: 'ok', missingBytes: 0 } as const;

/** Files of 100 bytes with 10 transactions each: `bin.1` has 1 to 10. Each was written an hour before the next one. */
function facts(count: number, over: Partial<LogFacts> & { firstFile?: number } = {}): LogFacts {
  const { firstFile = 1, ...more } = over;
  const files = Array.from({ length: count }, (_, at) => ({
    name: `bin.${firstFile + at}`,
    bytes: 100,
    last: (firstFile + at) * 10,
    ageMs: (count - 1 - at) * HOUR,
  }));
  return {
    files,
    before: (firstFile - 1) * 10,
    needs: [],
    durable: Number.MAX_SAFE_INTEGER,
    bytesPerSecond: 1,
    ...more,
  };
}

const live = (member: string, has: number | null): LogNeed => ({ member, has, present: true });
const gone = (member: string, has: number | null): LogNeed => ({ member, has, present: false });

describe('within the limits', () => {
  it('purges nothing, even if no member needs it', () => {
    const plan = planRetention(facts(8, { needs: [live('n2', 80)] }), LIMITS, OK);
    expect(plan).toEqual({ purge: 0, because: null, drops: [], warnings: [], lost: [] });
  });

  it('purges nothing of an empty log or a log of one file', () => {
    expect(planRetention(facts(0), LIMITS, { level: 'full', missingBytes: 1e9 }).purge).toBe(0);
    expect(planRetention(facts(1), { bytes: 1, ageMs: 0 }, { level: 'full', missingBytes: 1e9 }).purge).toBe(
      0,
    );
  });
});

describe('at a limit', () => {
  it('of bytes, purges the oldest files', () => {
    expect(planRetention(facts(13, { needs: [live('n2', 130)] }), LIMITS, OK)).toMatchObject({
      purge: 3,
      because: 'limit',
      drops: [],
    });
  });

  it('of age, purges the oldest files', () => {
    expect(planRetention(facts(5), { bytes: 1000, ageMs: 2.5 * HOUR }, OK).purge).toBe(2);
  });

  it('keeps the file that the server writes to, however large it is', () => {
    expect(planRetention(facts(3), { bytes: 10, ageMs: HOUR }, OK).purge).toBe(2);
  });

  it('keeps transactions that are not on a majority', () => {
    expect(planRetention(facts(13, { durable: 19 }), LIMITS, OK).purge).toBe(1);
    expect(planRetention(facts(13, { durable: 9 }), LIMITS, { level: 'full', missingBytes: 900 }).purge).toBe(
      0,
    );
  });

  it('names every member that loses its place, but no member that had lost it before', () => {
    const needs = [
      live('n2', 130),
      gone('n3', 25),
      live('n4', 29),
      gone('n5', null),
      gone('n6', 30),
      gone('n7', 0),
    ];
    const plan = planRetention(facts(13, { firstFile: 2, needs }), LIMITS, OK);
    // Files 2 to 14: of 1,300 bytes 300 are purged, that is, the files up to ordinal 40.
    expect(plan).toMatchObject({ purge: 3, drops: ['n3', 'n4', 'n5', 'n6'], lost: ['n7'] });
    // The warnings name exactly these members.
    expect(plan.warnings.map(({ member }) => member)).toEqual(['n3', 'n4', 'n5', 'n6']);
  });
});

describe('before a limit', () => {
  it('warns with the member, the limit that is reached first, and the time left', () => {
    const plan = planRetention(facts(10, { needs: [gone('n3', 15), live('n2', 100)] }), LIMITS, OK);
    // Without the first file there are 900 of 1,000 bytes, and the log grows by one byte each second.
    expect(plan.warnings).toEqual([
      { member: 'n3', isKnown: true, limit: 'bytes', used: 0.9, leftMs: 100_000 },
    ]);
    expect(plan.purge).toBe(0);
  });

  it('warns by age', () => {
    const plan = planRetention(facts(10, { needs: [gone('n3', 0)] }), { bytes: 1e6, ageMs: 10 * HOUR }, OK);
    expect(plan.warnings).toEqual([{ member: 'n3', isKnown: true, limit: 'hours', used: 0.9, leftMs: HOUR }]);
  });

  it('does not warn below 80 %, for a member that is caught up, or for one that is connecting', () => {
    expect(planRetention(facts(7, { needs: [gone('n3', 0)] }), LIMITS, OK).warnings).toEqual([]);
    const needs = [live('n2', 95), live('n4', null)];
    expect(planRetention(facts(10, { needs }), { bytes: 1000, ageMs: HOUR / 2 }, OK).warnings).toEqual([]);
  });

  it('treats a member that was never seen as one that may need the whole log', () => {
    const { warnings } = planRetention(facts(8, { needs: [gone('n3', null)] }), LIMITS, OK);
    expect(warnings).toEqual([{ member: 'n3', isKnown: false, limit: 'bytes', used: 0.8, leftMs: 200_000 }]);
  });

  it('gives no time left for a log that does not grow', () => {
    const needs = [gone('n3', 0)];
    expect(planRetention(facts(9, { needs, bytesPerSecond: 0 }), LIMITS, OK).warnings[0]?.leftMs).toBeNull();
  });
});

describe('short of disk space', () => {
  const needs = [live('n2', 75), gone('n3', 35)];
  const purged = (level: (typeof DISK_LEVELS)[number], missingBytes: number) =>
    planRetention(facts(9, { needs }), LIMITS, { level, missingBytes });

  it('purges only as much as is missing, and first files that no member needs', () => {
    expect(purged('low', 250)).toMatchObject({ purge: 3, because: 'disk', drops: [] });
  });

  it('then purges files that only gone members need', () => {
    expect(purged('low', 301)).toMatchObject({ purge: 4, because: 'disk', drops: ['n3'] });
    expect(purged('low', 1e9)).toMatchObject({ purge: 7, drops: ['n3'] });
  });

  it('purges files that a present member needs only when space is scarce', () => {
    expect(purged('scarce', 1e9)).toMatchObject({ purge: 8, drops: ['n2', 'n3'] });
    expect(purged('full', 1e9).purge).toBe(8);
  });

  it('keeps all files for a present member whose position is not known, until space is scarce', () => {
    const unknown = facts(9, { needs: [live('n2', null)] });
    expect(planRetention(unknown, LIMITS, { level: 'low', missingBytes: 500 }).purge).toBe(0);
    expect(planRetention(unknown, LIMITS, { level: 'scarce', missingBytes: 500 }).purge).toBe(5);
  });

  it('keeps nothing for a member that needs a seed', () => {
    const lost = facts(9, { firstFile: 5, needs: [live('n2', 12)] });
    expect(planRetention(lost, LIMITS, { level: 'low', missingBytes: 500 })).toMatchObject({
      purge: 5,
      drops: [],
      lost: ['n2'],
    });
  });
});

describe('a quiet need', () => {
  it('keeps files, without a warning and without a name among the dropped', () => {
    const needs = [{ ...live('n1', 5), quiet: true }];
    const low = planRetention(facts(9, { needs }), LIMITS, { level: 'low', missingBytes: 500 });
    expect(low).toMatchObject({ purge: 0, warnings: [] });
    expect(planRetention(facts(13, { needs }), LIMITS, OK)).toMatchObject({
      purge: 3,
      warnings: [],
      drops: [],
    });
  });
});

describe('any facts', () => {
  it('keep needed files within the limits, transactions not on a majority, and the last file; a full disk has a plan', () => {
    let seed = 20_260_727;
    const random = (below: number) => {
      seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31;
      return seed % below;
    };
    let [purges, drops] = [0, 0];
    for (let round = 0; round < 20_000; round++) {
      const count = 1 + random(12);
      const needs = Array.from({ length: random(5) }, (_, at) => ({
        member: `n${at + 2}`,
        has: random(6) === 0 ? null : random(count * 10 + 60),
        present: random(2) === 0,
      }));
      const now = facts(count, { firstFile: 1 + random(5), needs, durable: random(count * 10 + 100) });
      const limits = { bytes: 100 * (1 + random(14)), ageMs: HOUR * (1 + random(14)) };
      const level = DISK_LEVELS[random(4)] ?? 'ok';
      const disk = { level, missingBytes: level === 'ok' ? 0 : 1 + random(1500) };
      const plan = planRetention(now, limits, disk);
      const { files } = now;
      const went = files.slice(0, plan.purge);
      purges += plan.purge;
      drops += plan.drops.length;
      const faults: string[] = [];
      const holds = (what: string, is: boolean) => void (is || faults.push(what));

      holds('the end stays', plan.purge < Math.max(1, files.length));
      holds(
        'what is not on a majority stays',
        went.every(({ last }) => last <= now.durable),
      );
      for (const [at, { ageMs, last }] of went.entries()) {
        const isWithin = ageMs <= limits.ageMs && 100 * (files.length - at) <= limits.bytes;
        const isNeeded = needs.some(
          ({ present, has }) => present && (has === null || (has >= now.before && has < last)),
        );
        if (isWithin)
          holds('within the limits, files are purged only when the disk is short of space', level !== 'ok');
        if (isWithin && level === 'low') holds('and then no file that a present member needs', !isNeeded);
      }
      const next = files[plan.purge];
      if (next && plan.purge < files.length - 1 && next.last <= now.durable) {
        holds('the limit of age holds', next.ageMs <= limits.ageMs);
        holds('the limit of bytes holds', 100 * (files.length - plan.purge) <= limits.bytes);
        if (level === 'scarce' || level === 'full')
          holds('the missing bytes are freed', 100 * plan.purge >= disk.missingBytes);
      }
      const before = files[plan.purge - 1]?.last ?? now.before;
      for (const { member, has, present } of needs) {
        const loses = (has ?? now.before) < before && (has === null || has >= now.before);
        holds('exactly the members that lose their place are dropped', plan.drops.includes(member) === loses);
        const isWarned = plan.warnings.some((warning) => warning.member === member);
        if (loses && plan.because === 'limit')
          holds('a member that is dropped at a limit had a warning', isWarned || (has === null && present));
        holds('no member is both warned about and lost', !(isWarned && plan.lost.includes(member)));
      }
      if (faults.length > 0) expect({ faults, now, limits, disk, plan }).toBeNull();
    }
    expect(purges).toBeGreaterThan(1000);
    expect(drops).toBeGreaterThan(1000);
  });
});

describe('the free space of a disk', () => {
  const GiB = 2 ** 30;
  const of = (freeBytes: number, totalBytes = 100 * GiB): DiskSpace => ({ freeBytes, totalBytes });

  it('has levels, each of which ends only well above its threshold', () => {
    const levels: DiskLevel[] = [];
    for (const free of [2, 0.99, 1.2, 1.26, 0.49, 0.6, 0.63, 0.24, 0.3, 0.32, 2])
      levels.push(diskLevel(of(free * GiB), GiB, levels.at(-1) ?? 'ok'));
    expect(levels).toEqual([
      ...['ok', 'low', 'low', 'ok', 'scarce', 'scarce', 'low', 'full', 'full', 'scarce', 'ok'],
    ]);
  });

  it('is always ok when no free space is wanted', () => {
    expect(diskLevel(of(0), 0, 'full')).toBe('ok');
  });

  it('is wanted up to a tenth of a small disk', () => {
    expect(wantedFree(of(0, 100 * GiB), GiB)).toBe(GiB);
    expect(wantedFree(of(0, GiB), GiB)).toBe(GiB / 10);
    expect(diskLevel(of(0.2 * GiB, GiB), GiB, 'ok')).toBe('ok');
  });
});

describe('the growth of a log', () => {
  it('counts written bytes, not purged ones', () => {
    const growth = new LogGrowth();
    growth.note([{ name: 'bin.1', bytes: 500 }], 0);
    expect(growth.bytesPerSecond).toBe(0);
    growth.note(
      [
        { name: 'bin.1', bytes: 700 },
        { name: 'bin.2', bytes: 300 },
      ],
      1000,
    );
    expect(growth.bytesPerSecond).toBe(500);
    growth.note([{ name: 'bin.2', bytes: 1300 }], 2000);
    expect(growth.bytesPerSecond).toBe(750);
    growth.forget();
    growth.note([{ name: 'bin.1', bytes: 10 }], 3000);
    expect(growth.bytesPerSecond).toBe(0);
  });
});
