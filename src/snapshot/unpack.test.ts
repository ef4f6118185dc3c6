import { mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { chunk, hole, renamed } from '../../test/kit/mbstream.js';
import { SmallDisk } from '../../test/kit/small-disk.js';
import { Unpacker } from './unpack.js';

const USER = { uid: 0, gid: 0, name: 'the same', switched: false };
let base: string;
let unpacker: Unpacker;

beforeEach(async () => {
  base = await mkdtemp(join(tmpdir(), 'skein-unpack-'));
  unpacker = new Unpacker(base, USER);
});
afterEach(async () => {
  await unpacker.stop();
  await rm(base, { recursive: true, force: true });
});

/** Through one buffer that is filled again, as the bytes of a socket are. */
async function unpack(bytes: Buffer, pieceBytes: number): Promise<void> {
  const shared = Buffer.alloc(pieceBytes);
  for (let at = 0; at < bytes.length; at += pieceBytes) {
    const length = bytes.copy(shared, 0, at, at + pieceBytes);
    await unpacker.write(shared.subarray(0, length));
    shared.fill(0xee);
  }
  await unpacker.end();
}

const content = (name: string) => readFile(join(base, name), 'utf8');
const TWO = Buffer.concat([
  chunk('P', 'ib_logfile0', Buffer.from('log ')),
  chunk('P', './shop/deep/a.ibd', Buffer.from('table ')),
  chunk('P', 'ib_logfile0', Buffer.from('end'), 4),
  chunk('P', './shop/deep/a.ibd', Buffer.from('end'), 6),
  chunk('E', './shop/deep/a.ibd'),
  chunk('E', 'ib_logfile0'),
]);

it.each([1, 9, 64, 100_000])('writes files that come by turns, in pieces of %i bytes', async (size) => {
  await unpack(TWO, size);
  expect(await content('ib_logfile0')).toBe('log end');
  expect(await content('shop/deep/a.ibd')).toBe('table end');
  expect(unpacker.bytes).toBe(TWO.length);
});

it('knows holes, empty files, renaming and removal', async () => {
  await unpack(
    Buffer.concat([
      chunk('P', 'sparse', Buffer.from('a')),
      hole('sparse', 4),
      chunk('P', 'sparse', Buffer.from('b'), 4),
      hole('sparse', 7),
      chunk('E', 'sparse'),
      chunk('E', 'shop/empty'),
      chunk('P', 'old', Buffer.from('kept')),
      chunk('E', 'old'),
      renamed('old', 'other/new'),
      chunk('P', 'gone', Buffer.from('x')),
      chunk('E', 'gone'),
      chunk('D', 'gone'),
    ]),
    33,
  );
  expect(await content('sparse')).toBe('a\0\0\0b\0\0');
  expect(await content('shop/empty')).toBe('');
  expect(await content('other/new')).toBe('kept');
  expect((await readdir(base)).sort()).toEqual(['other', 'shop', 'sparse']);
});

it('refuses a file that is there, and does not follow a link', async () => {
  await writeFile(join(base, 'victim'), 'whole');
  await symlink('victim', join(base, 'link'));
  for (const name of ['link', 'victim'])
    await expect(unpacker.write(chunk('P', name, Buffer.from('x')))).rejects.toMatchObject({
      code: 'SNAPSHOT_DAMAGED',
    });
  expect(await content('victim')).toBe('whole');
});

it('refuses a stream that ends early, or opens files without end', async () => {
  await expect(unpack(TWO.subarray(0, -1), 1000)).rejects.toMatchObject({ code: 'SNAPSHOT_DAMAGED' });
  const open = (_: unknown, at: number) => chunk('P', `f${at}`, Buffer.from('x'));
  await expect(unpacker.write(Buffer.concat(Array.from({ length: 99 }, open)))).rejects.toThrow();
  const many = new Unpacker(join(base, 'shop'), USER);
  await expect(many.write(Buffer.concat(Array.from({ length: 99 }, open)))).rejects.toThrow(
    /more than 16 files/,
  );
  await many.stop();
});

it('says that the disk is full, also in the middle of a file', async ({ skip }) => {
  const disk = SmallDisk.mount(join(base, 'small'), 2 ** 20);
  if (disk === null) return skip();
  const full = new Unpacker(join(base, 'small'), USER);
  try {
    await full.write(chunk('P', 'a', Buffer.alloc(2 ** 19)));
    await expect(full.write(chunk('P', 'b', Buffer.alloc(2 ** 20)))).rejects.toMatchObject({
      code: 'SNAPSHOT_NO_SPACE',
    });
  } finally {
    await full.stop();
    disk.unmount();
  }
});

it.each(['.', './', 'shop/', 'f/below'])('refuses the name "%s", which is no file', async (name) => {
  await unpacker.write(Buffer.concat([chunk('P', 'f', Buffer.from('x')), chunk('E', 'shop/a')]));
  for (const type of ['E', 'D', 'P'])
    await expect(
      unpacker.write(chunk(type, name, type === 'P' ? Buffer.from('x') : null)),
    ).rejects.toMatchObject({ code: 'SNAPSHOT_DAMAGED' });
  expect((await readdir(base)).sort()).toEqual(['f', 'shop']);
});

it('names a file that has no end', async () => {
  await expect(unpack(chunk('P', 'f', Buffer.from('x')), 100)).rejects.toThrow(/"f" has no end/);
});
