import { beforeEach, expect, it } from 'vitest';
import { isSkeinError } from '../../model/error.js';
import type { Position } from '../../model/position.js';
import type { SeedNeed } from '../../model/seed.js';
import { silentLogger } from '../../std/logger.js';
import { SeedDecision } from './seed-decision.js';

const EPOCH = 3;
const DURABLE = { isDurable: true };
const at = (ordinal: number): Position => ({
  epoch: EPOCH,
  ordinal,
  gtid: ordinal === 0 ? '' : `0-${EPOCH}-${ordinal}`,
});

let spool: { begin: number; end: Position; known: number };
let needs: SeedNeed[];
let noted: number;
let restarts: Position[];
let decision: SeedDecision;

beforeEach(() => {
  spool = { begin: 1, end: at(1_000), known: 0 };
  needs = [];
  noted = 0;
  restarts = [];
  decision = make();
});

/** As a node makes it when it starts; what it had noted is still there. */
function make(): SeedDecision {
  return new SeedDecision({
    logger: silentLogger,
    seeding: {
      isRunning: false,
      need: (need) => {
        needs.push(need);
        return null;
      },
    },
    spool: {
      get begin() {
        return spool.begin;
      },
      get end() {
        return spool.end;
      },
      committed: () => spool.known,
    },
    note: (ordinal) => {
      noted = Math.max(noted, ordinal);
    },
    nameOf: (ordinal) => at(ordinal).gtid,
    restartSpool: async (position) => void restarts.push(position),
  });
}

it('a server that stands where it was is read at once', () => {
  decision.looked(at(900), 900);
  expect(decision.closed).toBeNull();
  decision.applied(at(950), DURABLE);
  expect(noted).toBe(950);
});

it('data that is lost again is another trouble when the node has followed the cluster meanwhile', () => {
  spool.begin = 500;
  for (const end of [1_000, 1_000, 1_001]) {
    spool.end = at(end);
    expect(() => make().looked(at(0), 0)).toThrow('data directory was lost');
  }
  const [first, same, later] = needs.map(({ trouble }) => trouble);
  expect(same).toBe(first);
  expect(later).not.toBe(first);
});

it('data that was set back is not read before it has what the cluster has committed', () => {
  decision.looked(at(300), 900);
  expect(decision.closed).toMatch(/up to number 900/);
  // The spool feeds it. What its clients saw in the last moment before the note is not known without the primary.
  decision.applied(at(900), DURABLE);
  expect(decision.closed).not.toBeNull();
  decision.welcomed({ committedOrdinal: 940 });
  expect(decision.closed).toMatch(/has 900 of 940 transactions/);
  decision.applied(at(939), DURABLE);
  expect(decision.closed).not.toBeNull();
  decision.applied(at(940), DURABLE);
  expect(decision.closed).toBeNull();
});

it('a primary that knows less in its new epoch opens nothing too early', () => {
  spool.known = 930;
  decision.looked(at(300), 900);
  decision.welcomed({ committedOrdinal: 0 });
  decision.applied(at(929), DURABLE);
  expect(decision.closed).not.toBeNull();
  decision.applied(at(930), DURABLE);
  expect(decision.closed).toBeNull();
});

it('data that is filled stays closed over a start of the node', () => {
  decision.welcomed({ committedOrdinal: 940 });
  decision.looked(at(300), 900);
  decision.applied(at(905), DURABLE);
  decision = make();
  decision.looked(at(906), noted);
  decision.welcomed({ committedOrdinal: 950 });
  expect(decision.closed).not.toBeNull();
  decision.applied(at(950), DURABLE);
  expect(decision.closed).toBeNull();
});

it('so does a new server, which was never read', () => {
  decision.looked(at(0), 0);
  expect(decision.closed).toMatch(/is new/);
  decision.welcomed({ committedOrdinal: 940 });
  decision.applied(at(500), DURABLE);
  decision = make();
  decision.looked(at(501), noted);
  expect(decision.closed).not.toBeNull();
});

it('a long way back is not replayed', () => {
  spool.end = at(50_000);
  decision.welcomed({ committedOrdinal: 50_000 });
  decision.looked(at(300), 49_000);
  expect(needs).toMatchObject([{ cause: 'data-missing', closes: true }]);
});

it('data older than the spool cannot follow', () => {
  spool.begin = 500;
  let thrown: unknown = null;
  try {
    decision.looked(at(300), 900);
  } catch (error) {
    thrown = error;
  }
  expect(isSkeinError(thrown, 'DATA_MISSING')).toBe(true);
  expect(needs).toMatchObject([{ cause: 'data-missing', closes: true }]);
});

it('a position of another history is not noted', () => {
  decision.looked(at(900), 0);
  decision.applied({ epoch: 2, ordinal: 5_000, gtid: '0-2-5000' }, DURABLE);
  expect(noted).toBe(0);
});

it('a spool that is behind the server’s data begins where that stands, once that is committed', () => {
  decision.looked(at(2_000), 2_000);
  decision.applied(at(2_000), DURABLE);
  decision.logPurged('purged');
  expect([restarts, needs.length]).toEqual([[], 1]);
  decision.welcomed({ committedOrdinal: 2_000 });
  decision.logPurged('purged');
  expect(restarts).toEqual([at(2_000)]);
});
