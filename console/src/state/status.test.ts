import { describe, expect, it } from 'vitest';
import { memberFor, statusFor } from '../../../test/kit/cluster-status.js';
import { actionsOf, maySwitchOver, sqlNotice, targetsOf } from './actions.js';
import { httpLink, lagText, rowOf } from './members.js';
import { appliedText, problemOf } from './problem.js';
import { tokenOf, viewOf } from './routes.js';
import { factsOf, outlookOf, quorumText, verdictOf } from './status.js';
import { inTurn, learned, withinReach } from './ways.js';

const ALL = new Set(['n1', 'n2', 'n3']);

describe('the verdict', () => {
  it('is good only when all is', () => {
    expect(verdictOf(statusFor())).toEqual({ tone: 'good', text: 'all is well' });
    expect(verdictOf(statusFor({ warnings: ['x'] }))).toEqual({ tone: 'warn', text: 'see the warnings' });
    const [n1, n2] = statusFor().members;
    const ill = [n1, n2, memberFor('n3', { state: 'gone' })].flatMap((one) => one ?? []);
    expect(verdictOf(statusFor({ members: ill }))).toEqual({ tone: 'warn', text: 'look at n3' });
    expect(verdictOf(statusFor({ primary: null }))).toMatchObject({ tone: 'bad' });
    expect(verdictOf(statusFor({ quorum: { needed: 2, attached: 1, voters: 3 } }))).toMatchObject({
      text: 'writes wait',
    });
  });

  it('a witness has no server that could be down', () => {
    const server = { flavour: null, version: null, pid: null, up: false };
    const members = [memberFor('n1', { role: 'witness', witness: true, server })];
    expect(verdictOf(statusFor({ members })).tone).toBe('good');
  });

  it('says aloud that writes wait', () => {
    expect(quorumText(statusFor())).toBe(null);
    expect(quorumText(statusFor({ quorum: { needed: 2, attached: 1, voters: 3 } }))).toContain('no quorum');
    expect(factsOf(statusFor({ primary: null }))[0]).toEqual({ name: 'Primary', value: 'none' });
  });
});

describe('the outlook', () => {
  const failover = { elected: 'n2', afterDeathMs: 150, afterSilenceMs: 1500, against: [], last: null };

  it('names who would take over, and when', () => {
    expect(outlookOf(statusFor({ failover }))).toMatchObject({
      tone: 'good',
      text: 'n2 would take over: in about 150 ms when the process of n1 ends, 1.5 s when it only falls silent.',
    });
  });

  it('says that nobody would, and why', () => {
    const nobody = { ...failover, elected: null, against: ['n2 is gone.'] };
    expect(outlookOf(statusFor({ failover: nobody }))).toMatchObject({
      tone: 'bad',
      text: 'Nobody can be elected.',
      against: ['n2 is gone.'],
    });
    expect(outlookOf(statusFor({ failover, primary: null }))).toMatchObject({
      title: 'There is no primary',
      text: 'n2 would be elected.',
    });
    expect(outlookOf(statusFor())).toBe(null);
  });

  it('tells the last failover, and does not call a first lead one', () => {
    const last = {
      epoch: 4,
      primary: 'n2',
      primaryBefore: 'n1',
      detectedHow: 'silence',
      servedAt: '2026-11-28T10:00:00.000Z',
      pauseMs: 1400,
      reason: 'because',
    };
    const textOf = (more: Partial<typeof last>) =>
      outlookOf(statusFor({ failover: { ...failover, last: { ...last, ...more } } }))?.last?.text;
    expect(textOf({})).toBe('n2 took over from n1, epoch 4; clients waited 1.4 s');
    expect(textOf({ primaryBefore: 'n2' })).toBe('n2 took the lead, epoch 4; clients waited 1.4 s');
  });
});

describe('a row of the table', () => {
  it('has no lag where there can be none', () => {
    expect(lagText(memberFor('n1', { role: 'primary' }))).toBe('–');
    expect(lagText(memberFor('n2', { lagMs: null }))).toBe('not known');
    expect(lagText(memberFor('n2', { lagMs: 1234 }))).toBe('1.2 s');
  });

  it('does not say that a server is up whose node is gone', () => {
    expect(rowOf(memberFor('n2'), 'n1', 0).server.up).toBe(true);
    expect(rowOf(memberFor('n2', { state: 'gone' }), 'n1', 0).server.up).toBeNull();
  });

  it('tells why a member is not well and what it is busy with', () => {
    const row = rowOf(
      memberFor('n2', {
        reason: 'It waits.',
        maintenance: true,
        seeding: {
          phase: 'transferring',
          cause: 'operator',
          donor: 'n1',
          attempt: 1,
          bytes: 1_500_000,
          bytesTotal: 3_000_000,
          bytesPerSecond: 500_000,
          remainingMs: 3000,
          since: '',
          reason: 'An operator wants it.',
        },
      }),
      'n2',
      0,
    );
    expect(row.notes).toEqual([
      'It waits.',
      "It is in maintenance: it does not keep the primary's role.",
      'It is being filled from n1, transferring: 1.5 MB of about 3.0 MB, 500 kB/s, 3.0 s to go. An operator wants it.',
    ]);
  });

  it('links to HTTP only, whatever a node says', () => {
    expect(httpLink('https://a.example')).toBe('https://a.example');
    expect(httpLink('javascript:alert(1)')).toBe(null);
    expect(httpLink(null)).toBe(null);
  });
});

describe('what is offered', () => {
  it('is nothing but to an administrator', () => {
    for (const role of ['read', 'write'] as const) {
      expect(actionsOf(role, memberFor('n2'), statusFor(), ALL)).toEqual([]);
      expect(maySwitchOver(role, statusFor(), ALL)).toBe(false);
    }
  });

  it('is what the member can do, and within reach', () => {
    expect(actionsOf('admin', memberFor('n2'), statusFor(), ALL)).toEqual([
      'maintenance-on',
      'reseed',
      'remove',
    ]);
    expect(actionsOf('admin', memberFor('n1', { role: 'primary' }), statusFor(), ALL)).toEqual([
      'maintenance-on',
    ]);
    expect(actionsOf('admin', memberFor('n2', { maintenance: true }), statusFor(), ALL)[0]).toBe(
      'maintenance-off',
    );
    expect(actionsOf('admin', memberFor('n3', { role: 'witness', witness: true }), statusFor(), ALL)).toEqual(
      ['maintenance-on', 'remove'],
    );
    // The primary removes a member that does not answer.
    expect(actionsOf('admin', memberFor('n2'), statusFor(), new Set(['n1']))).toEqual(['remove']);
    expect(actionsOf('admin', memberFor('n2'), statusFor(), new Set(['n3']))).toEqual([]);
    expect(maySwitchOver('admin', statusFor(), ALL)).toBe(true);
    expect(maySwitchOver('admin', statusFor(), new Set(['n2']))).toBe(false);
    expect(maySwitchOver('admin', statusFor({ primary: null }), ALL)).toBe(false);
  });

  it('nobody takes over who has no vote or no data', () => {
    const members = [memberFor('n1'), memberFor('n2', { voter: false }), memberFor('n3', { witness: true })];
    expect(targetsOf(statusFor({ members }))).toEqual([]);
  });

  it('SQL says where writes go', () => {
    expect(sqlNotice(statusFor(), 'n1')).toBe(null);
    expect(sqlNotice(statusFor(), 'n2')).toMatchObject({ primary: { name: 'n1' } });
  });
});

describe('the ways of a page', () => {
  const own = 'http://127.0.0.1:8082';
  const known = learned(new Map(), statusFor());

  it('lead to its own node first, and to the others when that is away', () => {
    const others = ['http://127.0.0.1:8081', 'http://127.0.0.1:8083'];
    expect(inTurn(known, { own, last: own, ownIsDue: true })).toEqual([own, ...others]);
    expect(inTurn(known, { own, last: others[1] ?? '', ownIsDue: false })).toEqual([
      others[1],
      own,
      others[0],
    ]);
    expect(inTurn(known, { own, last: others[1] ?? '', ownIsDue: true })[0]).toBe(own);
  });

  it('stay known while a node that begins again has no address', () => {
    const members = [memberFor('n1', { role: 'primary' }), memberFor('n2', { http: '' }), memberFor('n3')];
    expect(learned(known, statusFor({ members }))).toEqual(known);
    expect(learned(new Map(), statusFor({ members })).has('n2')).toBe(false);
  });

  it('lead nowhere else when the page has another name than the members know', () => {
    const proxy = 'https://db.example';
    expect(inTurn(known, { own: proxy, last: proxy, ownIsDue: true })).toEqual([proxy]);
    expect([...withinReach(statusFor(), known, { own: proxy, self: 'n2' })]).toEqual(['n2']);
    expect([...withinReach(statusFor(), known, { own, self: 'n2' })]).toEqual(['n1', 'n2', 'n3']);
  });
});

describe('a problem', () => {
  const thrown = (fields: object) => Object.assign(new Error('why'), { name: 'SkeinError', ...fields });

  it('without an answer is one sentence for people, and changes nothing', () => {
    const problem = problemOf(thrown({ code: 'NODE_UNREACHABLE', status: 0, applied: 'no', primary: null }));
    expect(problem).toMatchObject({
      code: null,
      status: 0,
      text: expect.stringContaining('does not answer'),
    });
    expect(appliedText(problem)).toBe(null);
  });

  it('keeps what the node says', () => {
    const problem = problemOf(
      thrown({ code: 'NOT_PRIMARY', status: 421, applied: 'no', primary: 'http://x' }),
    );
    expect(problem).toEqual({
      text: 'why',
      code: 'NOT_PRIMARY',
      status: 421,
      applied: 'no',
      primary: 'http://x',
    });
    expect(appliedText(problem)).toBe('Nothing was changed.');
    expect(appliedText({ ...problem, applied: 'unknown' })).toContain('not known');
    expect(problemOf('odd')).toMatchObject({ text: 'odd', applied: 'unknown' });
  });
});

it('views and tokens stand behind the #', () => {
  expect([viewOf('#/sql'), viewOf('#/activity/x'), viewOf('#/nothing'), viewOf('')]).toEqual([
    'sql',
    'activity',
    'cluster',
    'cluster',
  ]);
  expect(tokenOf('#token=skein_a%2Db')).toBe('skein_a-b');
  expect(tokenOf('#/sql')).toBe(null);
});
