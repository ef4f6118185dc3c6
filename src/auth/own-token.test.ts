import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { isSkeinError } from '../model/error.js';
import { silentLogger } from '../std/logger.js';
import { ownToken } from './own-token.js';
import { generateToken } from './token.js';
import { TokenStore } from './token-store.js';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'skein-own-token-'));
});
afterEach(() => rm(directory, { recursive: true }));

it('knows the token in the file, and no other', async () => {
  const file = join(directory, 'admin.token');
  const [token, other] = [generateToken(), generateToken()];
  await writeFile(file, `${token}\n`);
  const store = new TokenStore({}, { load: () => ownToken(file), log: silentLogger });
  expect(await store.find(token)).toMatchObject({ role: 'admin', expiresAt: null });
  expect(await store.find(other)).toBeNull();
  await writeFile(file, other);
  await store.refresh();
  expect([await store.find(token), (await store.find(other))?.role]).toEqual([null, 'admin']);
});

it('names a file that it cannot read', async () => {
  const error = await ownToken(join(directory, 'none')).catch((thrown: unknown) => thrown);
  expect(isSkeinError(error, 'ADMIN_TOKEN_UNREADABLE')).toBe(true);
});
