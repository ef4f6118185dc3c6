import { mkdtempSync, rmSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { silentLogger } from '../std/logger.js';
import { FailureLimit } from './failure-limit.js';
import type { TokenRecord } from './system-schema.js';
import { bearerToken, generateToken, hashToken, isTokenShaped, roleCovers } from './token.js';
import { TokenCopy } from './token-copy.js';
import { TokenLimits } from './token-limits.js';
import { TokenStore } from './token-store.js';
import { TokenUse } from './token-use.js';

const record = (token: string, more: Partial<TokenRecord> = {}): TokenRecord => ({
  id: 'tok_1',
  name: 'n',
  role: 'read',
  hash: hashToken(token),
  createdAt: '2026-01-01T00:00:00.000000Z',
  expiresAt: null,
  rateLimit: null,
  previous: null,
  ...more,
});

describe('tokens', () => {
  it('are long, different, and recognised by their shape', () => {
    const tokens = new Set(Array.from({ length: 100 }, generateToken));
    expect(tokens.size).toBe(100);
    for (const token of tokens) expect(isTokenShaped(token)).toBe(true);
    expect(isTokenShaped('skein_short')).toBe(false);
  });

  it('come from the Authorization header only in its own form', () => {
    expect(bearerToken('Bearer abc')).toBe('abc');
    expect(bearerToken('bearer  abc ')).toBe('abc');
    for (const bad of [undefined, '', 'Bearer', 'Bearer ', 'Basic abc', 'Bearer a b'])
      expect(bearerToken(bad)).toBeNull();
  });

  it('a role covers what is below it', () => {
    expect(roleCovers('admin', 'read')).toBe(true);
    expect(roleCovers('read', 'write')).toBe(false);
    expect(roleCovers('write', 'admin')).toBe(false);
  });
});

describe('TokenStore', () => {
  it('lets nobody in before it has read the tokens, and keeps the last copy while it cannot', async () => {
    const token = generateToken();
    let load = (): Promise<TokenRecord[]> => Promise.reject(new Error('down'));
    let now = 0;
    const store = new TokenStore({}, { load: () => load(), log: silentLogger, now: () => now });
    expect(await store.find(token)).toBeNull();
    expect(store.loaded).toBe(false);
    load = () => Promise.resolve([record(token)]);
    now += 1000;
    expect((await store.find(token))?.id).toBe('tok_1');
    load = () => Promise.reject(new Error('down'));
    await store.refresh();
    expect(await store.find(token)).not.toBeNull();
  });

  it('knows the tokens over a restart while the server is down', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'skein-tokens-'));
    try {
      const token = generateToken();
      const copy = () => new TokenCopy({ directory }, { log: silentLogger });
      const before = new TokenStore(
        {},
        { load: async () => [record(token)], log: silentLogger, copy: copy() },
      );
      await before.refresh();
      await expect.poll(() => copy().load()).toHaveLength(1);
      const load = () => Promise.reject(new Error('down'));
      const after = new TokenStore({}, { load, log: silentLogger, copy: copy() });
      await after.start();
      after.stop();
      expect((await after.find(token))?.id).toBe('tok_1');
      expect(await readFile(join(directory, 'tokens.json'), 'utf8')).not.toContain(token);
    } finally {
      await rm(directory, { recursive: true });
    }
  });

  it('has not read the tokens while their table has not arrived', async () => {
    let table: TokenRecord[] | null = null;
    const token = generateToken();
    const store = new TokenStore({}, { load: async () => table, log: silentLogger });
    await store.refresh();
    expect(store.loaded).toBe(false);
    table = [record(token)];
    await store.refresh();
    expect([store.loaded, (await store.find(token))?.id]).toEqual([true, 'tok_1']);
  });

  it('forgets a revoked token with the next refresh and an expired one at once', async () => {
    const [a, b] = [generateToken(), generateToken()];
    let now = Date.parse('2026-01-01T00:00:00Z');
    let tokens = [record(a), record(b, { expiresAt: '2026-01-01T00:00:01.000000Z' })];
    const store = new TokenStore({}, { load: async () => tokens, log: silentLogger, now: () => now });
    await store.refresh();
    expect(await store.find(b)).not.toBeNull();
    now += 1000;
    expect(await store.find(b)).toBeNull();
    tokens = [];
    await store.refresh();
    expect(await store.find(a)).toBeNull();
  });

  it('takes the old text of a rotated token until its time is over', async () => {
    const [old, fresh] = [generateToken(), generateToken()];
    let now = Date.parse('2026-01-01T00:00:00Z');
    const rotated = record(fresh, {
      previous: { hash: hashToken(old), until: '2026-01-01T00:01:00.000Z' },
    });
    const store = new TokenStore({}, { load: async () => [rotated], log: silentLogger, now: () => now });
    await store.refresh();
    expect(store.all()).toHaveLength(1);
    expect((await store.find(old))?.id).toBe('tok_1');
    now += 60_000;
    expect(await store.find(old)).toBeNull();
    expect((await store.find(fresh))?.id).toBe('tok_1');
  });

  it('asks the server about unknown tokens, but guessers do not make it ask more', async () => {
    let loads = 0;
    const load = async (): Promise<TokenRecord[]> => {
      loads += 1;
      return [];
    };
    const store = new TokenStore({}, { load, log: silentLogger });
    await store.refresh();
    const guesses = Array.from({ length: 50 }, () => store.find(generateToken()));
    expect((await Promise.all(guesses)).every((found) => found === null)).toBe(true);
    expect(loads).toBe(2);
  });

  it('finds a token that was created just after the last reading', async () => {
    const token = generateToken();
    let tokens: TokenRecord[] = [];
    const store = new TokenStore({}, { load: async () => tokens, log: silentLogger });
    await store.refresh();
    tokens = [record(token)];
    expect((await store.find(token))?.id).toBe('tok_1');
  });
});

describe('FailureLimit', () => {
  it('counts for each address in windows', () => {
    let now = 0;
    const limit = new FailureLimit({ failuresMax: 2, windowMs: 60_000 }, () => now);
    expect([limit.failed('a'), limit.failed('a'), limit.failed('a')]).toEqual([0, 0, 60]);
    expect(limit.failed('b')).toBe(0);
    now = 59_500;
    expect(limit.failed('a')).toBe(1);
    now = 60_000;
    expect(limit.failed('a')).toBe(0);
  });
});

describe('TokenLimits', () => {
  it('gives one second’s worth at once, then evenly, to each token', () => {
    let now = 0;
    const limits = new TokenLimits(() => now);
    expect([1, 2, 3].map(() => limits.take('a', 2))).toEqual([0, 0, 1]);
    expect(limits.take('b', 2)).toBe(0);
    now = 499;
    expect(limits.take('a', 2)).toBe(1);
    now = 501;
    expect(limits.take('a', 2)).toBe(0);
    now = 60_000;
    expect([1, 2, 3].map(() => limits.take('a', 2))).toEqual([0, 0, 1]);
  });
});

describe('TokenUse', () => {
  it('outlives a restart, and forgets tokens that are gone', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'skein-use-'));
    try {
      const modules = { log: silentLogger, now: () => Date.parse('2026-01-01T00:00:00Z') };
      const first = new TokenUse({ directory }, modules);
      await first.start();
      first.note('tok_1');
      first.note('tok_2');
      expect(first.lastUsedAt('tok_3')).toBeNull();
      first.keepOnly(new Set(['tok_1']));
      await first.stop();
      const second = new TokenUse({ directory }, modules);
      await second.start();
      expect(second.lastUsedAt('tok_1')).toBe('2026-01-01T00:00:00.000Z');
      expect(second.lastUsedAt('tok_2')).toBeNull();
      await second.stop();
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  });
});
