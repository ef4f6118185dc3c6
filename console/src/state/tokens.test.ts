import { describe, expect, it } from 'vitest';
import type { ClusterStatus, Token } from '../../../client/src/index.js';
import { accessNotice, orderOf, tokenRow } from './tokens.js';

const NOW = Date.parse('2026-11-28T12:00:00Z');
const at = (seconds: number) => new Date(NOW + seconds * 1000).toISOString();
const token: Token = {
  id: 't1',
  name: 'reports',
  role: 'read',
  createdAt: at(-7200),
  expiresAt: null,
  rateLimit: null,
  lastUsedAt: null,
};

describe('a token in the list', () => {
  it('says when it ends, what it may and when it was used', () => {
    expect(tokenRow(token, 't2', NOW)).toMatchObject({
      isOwn: false,
      created: '2 h ago',
      expires: { text: 'never', tone: 'idle' },
      limit: 'no limit',
      used: 'not known',
    });
    const used = { ...token, rateLimit: 1, lastUsedAt: at(-0.4) };
    expect(tokenRow(used, 't1', NOW)).toMatchObject({ isOwn: true, limit: '1 request/s', used: 'now' });
  });

  it('warns a week before it ends, and when it has', () => {
    const expires = (seconds: number) => tokenRow({ ...token, expiresAt: at(seconds) }, null, NOW).expires;
    expect(expires(30 * 86_400)).toMatchObject({ text: 'in 30 d', tone: 'idle' });
    expect(expires(3600)).toMatchObject({ text: 'in 1 h', tone: 'warn' });
    expect(expires(-60)).toMatchObject({ text: 'expired 1 min ago', tone: 'bad' });
  });
});

describe('a new token', () => {
  const input = { name: ' for tests ', role: 'write', lifeSeconds: 3600, limit: ' 50 ' } as const;

  it('is asked for as the node wants it', () => {
    expect(orderOf(input, NOW)).toEqual({
      name: 'for tests',
      role: 'write',
      expiresAt: '2026-11-28T13:00:00.000Z',
      rateLimit: 50,
    });
    expect(orderOf({ ...input, lifeSeconds: null, limit: '' }, NOW)).toMatchObject({
      expiresAt: null,
      rateLimit: null,
    });
  });

  it('needs a name, and a limit that is a number', () => {
    expect(orderOf({ ...input, name: '  ' }, NOW)).toEqual({ wrong: expect.stringContaining('name') });
    for (const limit of ['0', '-1', '1.5', 'many', '1000001'])
      expect(orderOf({ ...input, limit }, NOW)).toEqual({ wrong: expect.stringContaining('limit') });
  });
});

describe('where tokens are made', () => {
  it('on the primary; other pages say so', () => {
    const members = [
      { name: 'n1', role: 'primary', http: 'http://n1' },
      { name: 'n2', role: 'replica', http: 'http://n2' },
    ];
    const status = { primary: 'n1', members } as unknown as ClusterStatus;
    expect(accessNotice(status, 'n1')).toBe(null);
    expect(accessNotice(status, 'n2')).toEqual({ text: expect.stringContaining('n1'), link: 'http://n1' });
    expect(accessNotice({ ...status, primary: null }, 'n2')?.link).toBe(null);
  });
});
