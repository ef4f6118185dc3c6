import { randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { SkeinError } from '../model/error.js';
import { FRAME, frameParts, MAGIC, RunningDigest } from './backup-frames.js';
import type { BackupHead, BackupTail } from './backup-head.js';
import { readBackup } from './read-backup.js';
import { writeBackup } from './write-backup.js';

const head: BackupHead = {
  format: 1,
  compression: 'gzip',
  cluster: 'c',
  node: 'n2',
  skein: '0.1.0',
  server: { flavour: 'mariadb', version: '10.11.19-MariaDB' },
  began: '2026-01-31T12:00:00.000Z',
  dataBytes: 5,
};
const tail = {
  position: { epoch: 2, ordinal: 7, gtid: '0-1000002-7' },
  epochs: [{ epoch: 1, beginsAfter: { epoch: 0, ordinal: 0, gtid: '' } }],
};
/** Does not compress, so that there are several frames. */
const CONTENT = randomBytes(3 * 2 ** 20);

async function written(content: Readable, head_: BackupHead = head): Promise<Buffer> {
  const parts: Buffer[] = [];
  const source = { head: head_, content, tail: () => Promise.resolve(tail), stop: () => {} };
  for await (const part of writeBackup(source)) parts.push(part);
  return Buffer.concat(parts);
}

function contentStream(): Readable {
  return Readable.from([CONTENT.subarray(0, 1_000_000), CONTENT.subarray(1_000_000)]);
}

async function read(
  file: Buffer,
  chunkBytes = 100_000,
): Promise<{ head: BackupHead | null; content: Buffer; tail: BackupTail | null }> {
  const chunks = Array.from({ length: Math.ceil(file.length / chunkBytes) }, (_, i) =>
    file.subarray(i * chunkBytes, (i + 1) * chunkBytes),
  );
  const found = { head: null as BackupHead | null, tail: null as BackupTail | null };
  const data: Buffer[] = [];
  for await (const piece of readBackup(Readable.from(chunks))) {
    if (piece.kind === 'head') found.head = piece.head;
    else if (piece.kind === 'tail') found.tail = piece.tail;
    else data.push(piece.bytes);
  }
  return { ...found, content: gunzipSync(Buffer.concat(data)) };
}

const codeOf = (file: Buffer) =>
  read(file).then(
    () => null,
    (error: SkeinError) => error.code,
  );

describe('a backup file', () => {
  it('gives back what was written, however it is cut into pieces', async () => {
    const file = await written(contentStream());
    for (const chunkBytes of [37, 100_000, 10_000_000]) {
      const found = await read(file, chunkBytes);
      expect(found.head).toEqual(head);
      expect(found.tail).toMatchObject({ ...tail, contentBytes: CONTENT.length });
      expect(found.content.equals(CONTENT)).toBe(true);
    }
  });

  it('is refused when it is cut anywhere', async () => {
    const file = await written(contentStream());
    for (const end of [0, 5, 13, 14, 18, 200, 1_000_000, 2_500_000, file.length - 33, file.length - 1]) {
      expect(await codeOf(file.subarray(0, end)), `cut at ${end}`).toBe(
        end < 13 ? 'NOT_A_BACKUP' : 'BACKUP_CUT',
      );
    }
  });

  it('is refused when one bit of it has changed, anywhere', async () => {
    const file = await written(contentStream());
    const places = [0, 12, 13, 14, 17, 30, 400, 1_500_000, file.length - 1, file.length - 40];
    for (const place of [
      ...places,
      ...Array.from({ length: 20 }, () => Math.floor(Math.random() * file.length)),
    ]) {
      const damaged = Buffer.from(file);
      damaged.writeUInt8(damaged.readUInt8(place) ^ 0x10, place);
      const code = await codeOf(damaged);
      expect(['NOT_A_BACKUP', 'BACKUP_DAMAGED', 'BACKUP_CUT'], `byte ${place}`).toContain(code);
    }
  });

  it('is refused when something follows its end, or a part of it is gone', async () => {
    const file = await written(contentStream());
    expect(await codeOf(Buffer.concat([file, Buffer.from('x')]))).toBe('BACKUP_DAMAGED');
    const cutOut = Buffer.concat([file.subarray(0, 500_000), file.subarray(700_000)]);
    expect(await codeOf(cutOut)).toBe('BACKUP_DAMAGED');
  });

  it('says when it is of a newer Skein, or no backup', async () => {
    expect(await codeOf(await written(contentStream(), { ...head, format: 2 }))).toBe('BACKUP_NEWER');
    expect(await codeOf(Buffer.from('-- MariaDB dump 10.19'))).toBe('NOT_A_BACKUP');
  });

  it('is refused when what it says of itself is of another form, a name of a file for instance', async () => {
    const began = '../../../2026-01-31T12:00:00Z';
    expect(await codeOf(await written(contentStream(), { ...head, began }))).toBe('BACKUP_DAMAGED');
    const body = Buffer.from('null');
    for (const kind of [FRAME.head, FRAME.error]) {
      const digest = new RunningDigest().update(MAGIC);
      const first =
        kind === FRAME.head ? [] : frameParts(FRAME.head, Buffer.from(JSON.stringify(head)), digest);
      expect(await codeOf(Buffer.concat([MAGIC, ...first, ...frameParts(kind, body, digest)]))).toBe(
        'BACKUP_DAMAGED',
      );
    }
  });

  it('contains the reason when the snapshot failed', async () => {
    const failing = new Readable({
      read() {
        this.push(CONTENT.subarray(0, 100_000));
        this.destroy(new SkeinError('SNAPSHOT_LOCKED', 'commits wait'));
      },
    });
    await expect(read(await written(failing))).rejects.toMatchObject({
      code: 'BACKUP_FAILED',
      message: expect.stringContaining('commits wait'),
    });
  });

  it('ends the snapshot when nobody reads on', async () => {
    let isStopped = false;
    const stop = () => {
      isStopped = true;
    };
    const content = contentStream();
    for await (const _ of writeBackup({ head, content, tail: () => Promise.resolve(tail), stop })) break;
    expect(isStopped).toBe(true);
  });
});
