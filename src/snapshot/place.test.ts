import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { silentLogger } from '../std/logger.js';
import { discardSnapshot, placeSnapshot, recoverPlacing, settlePlaced } from './place.js';
import { SeedNoteFile } from './seed-note.js';
import { seedPaths } from './seed-paths.js';

const modules = { logger: silentLogger };
const NOTE = { gtid: '0-1-5', bytes: 10, about: { donor: 'n2' } };
let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'skein-place-'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

const file = (...path: string[]) => join(directory, ...path);
const content = (...path: string[]) => readFile(file(...path), 'utf8').catch(() => null);
const step = async () => (await new SeedNoteFile(seedPaths(directory)).read())?.step ?? null;

/** Old data in place, new data received; as far as `noted`. */
async function received(noted: 'ready' | 'placing' | null): Promise<void> {
  for (const [where, text] of [
    ['data', 'old'],
    ['seed/data', 'new'],
  ] as const) {
    await mkdir(file(where), { recursive: true });
    await writeFile(file(where, 'ibdata1'), text);
  }
  if (noted !== null) await new SeedNoteFile(seedPaths(directory)).write({ ...NOTE, step: noted });
}

class Server {
  readonly begun: string[] = [];
  fails = false;
  async beginAt(gtid: string): Promise<void> {
    if (this.fails) throw new Error('it died');
    this.begun.push(gtid);
  }
}

describe('a snapshot on its way into its place', () => {
  it('is put there, and the server learns where it stands before the old data goes', async () => {
    await received('ready');
    await writeFile(file('unsettled'), '');
    expect(await placeSnapshot(directory, modules)).toEqual({ ...NOTE, step: 'placed' });
    expect([await content('data', 'ibdata1'), await content('data.replaced', 'ibdata1')]).toEqual([
      'new',
      'old',
    ]);
    expect(existsSync(file('unsettled')), 'the crash of the old server is forgotten').toBe(false);
    const server = new Server();
    server.fails = true;
    await expect(settlePlaced(directory, server, modules)).rejects.toThrow('it died');
    expect([await step(), existsSync(file('data.replaced'))]).toEqual(['placed', true]);
    // The next start.
    expect((await recoverPlacing(directory, modules))?.step).toBe('placed');
    server.fails = false;
    expect((await settlePlaced(directory, server, modules))?.gtid).toBe('0-1-5');
    expect(server.begun).toEqual(['0-1-5']);
    expect((await readdir(directory)).sort()).toEqual(['data']);
    expect(await settlePlaced(directory, server, modules)).toBeNull();
  });

  it('is placed where there is no data', async () => {
    await received('ready');
    await rm(file('data'), { recursive: true });
    await placeSnapshot(directory, modules);
    expect(await content('data', 'ibdata1')).toBe('new');
  });

  it.each([
    ['before the first rename', 0],
    ['between the renames', 1],
    ['after both', 2],
  ])('is finished at the next start after a crash %s', async (_when, renames) => {
    await received('placing');
    if (renames > 0) await rename(file('data'), file('data.replaced'));
    if (renames > 1) await rename(file('seed/data'), file('data'));
    expect((await recoverPlacing(directory, modules))?.step).toBe('placed');
    expect([await content('data', 'ibdata1'), await content('data.replaced', 'ibdata1')]).toEqual([
      'new',
      'old',
    ]);
    expect(await step()).toBe('placed');
  });

  it('is kept while it is ready, and the old data is not touched', async () => {
    await received('ready');
    expect(await recoverPlacing(directory, modules)).toEqual({ ...NOTE, step: 'ready' });
    expect([await content('data', 'ibdata1'), await content('seed/data', 'ibdata1')]).toEqual(['old', 'new']);
    expect(await discardSnapshot(directory, modules)).toBe(false);
    expect((await readdir(directory)).sort()).toEqual(['data']);
  });

  it('is removed at the next start when it is half received, with what is left of an earlier one', async () => {
    await received(null);
    await mkdir(file('data.replaced'));
    expect(await recoverPlacing(directory, modules)).toBeNull();
    expect((await readdir(directory)).sort()).toEqual(['data']);
    expect(await content('data', 'ibdata1')).toBe('old');
  });

  it('cannot be placed before it is ready', async () => {
    await received(null);
    await expect(placeSnapshot(directory, modules)).rejects.toMatchObject({ code: 'SNAPSHOT_PLACE' });
    await received('ready');
    await placeSnapshot(directory, modules);
    await expect(placeSnapshot(directory, modules)).rejects.toMatchObject({ code: 'SNAPSHOT_PLACE' });
  });

  it('is finished when it is placed again after a failure half-way', async () => {
    await received('placing');
    await rename(file('data'), file('data.replaced'));
    await placeSnapshot(directory, modules);
    expect([await content('data', 'ibdata1'), await content('data.replaced', 'ibdata1')]).toEqual([
      'new',
      'old',
    ]);
  });

  it.each([
    ['placed', 2],
    ['on its way, both renames done', 2],
    ['on its way, one rename done', 1],
    ['on its way, no rename done', 0],
  ])('gives the old data its place back when it is of no use: %s', async (what, renames) => {
    await received('placing');
    if (renames > 0) await rename(file('data'), file('data.replaced'));
    if (renames > 1) await rename(file('seed/data'), file('data'));
    if (what === 'placed') await recoverPlacing(directory, modules);
    expect(await discardSnapshot(directory, modules)).toBe(true);
    expect(await content('data', 'ibdata1')).toBe('old');
    expect((await readdir(directory)).filter((name) => name !== 'unsettled')).toEqual(['data']);
    if (renames > 0) expect(existsSync(file('unsettled')), 'the old server was killed').toBe(true);
    expect(await recoverPlacing(directory, modules)).toBeNull();
    expect(await content('data', 'ibdata1')).toBe('old');
  });

  it.each([
    ['before the first rename', 0],
    ['between the renames', 1],
    ['after both', 2],
  ])('the old data comes back at the next start after a crash %s of its return', async (_when, renames) => {
    await received('ready');
    await placeSnapshot(directory, modules);
    await new SeedNoteFile(seedPaths(directory)).write({ ...NOTE, step: 'returning' });
    if (renames > 0) await rename(file('data'), file('seed/data'));
    if (renames > 1) await rename(file('data.replaced'), file('data'));
    expect(await recoverPlacing(directory, modules)).toBeNull();
    expect(await content('data', 'ibdata1')).toBe('old');
    expect(existsSync(file('data.replaced'))).toBe(false);
  });

  it('leaves no data when there was none before', async () => {
    await received('ready');
    await rm(file('data'), { recursive: true });
    await placeSnapshot(directory, modules);
    expect(await discardSnapshot(directory, modules)).toBe(true);
    expect(await readdir(directory)).toEqual([]);
  });

  it('does not remove the old data when nothing is in its place', async () => {
    await received('placing');
    await rename(file('data'), file('data.replaced'));
    // A person, as the error of a damaged note says.
    await rm(file('seed'), { recursive: true });
    expect(await recoverPlacing(directory, modules)).toBeNull();
    expect(await content('data', 'ibdata1')).toBe('old');
  });

  it('is not guessed about when its note is damaged', async () => {
    await received('ready');
    await writeFile(file('seed/snapshot.json'), '{"step":"rea');
    await expect(recoverPlacing(directory, modules)).rejects.toMatchObject({ code: 'SEED_NOTE_UNREADABLE' });
    expect([await content('data', 'ibdata1'), await content('seed/data', 'ibdata1')]).toEqual(['old', 'new']);
  });
});
