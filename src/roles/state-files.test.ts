import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { epochEntry } from '../../test/kit/chain-entry.js';
import { type Logger, silentLogger } from '../std/logger.js';
import { ChainFile } from './chain-file.js';
import { LogEndFile } from './log-end-file.js';
import { BootNumbers } from './primary/boot-numbers.js';
import { definitionsFile } from './primary/definitions-file.js';
import { ddlNoteFile } from './replica/ddl-note.js';
import { xaFile } from './xa-file.js';

let directory = '';
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'skein-role-state-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const DAMAGED = ['', '[{"epoch":', '{"epoch":1,"known":7}', '[{"epoch":1}]', 'null', '7'];

/** State files on which decisions about data depend. A silent loss of any of them would make a node do the wrong thing. */
const REFUSED = [
  { name: 'chain.json', code: 'CHAIN_UNREADABLE', load: () => new ChainFile(directory).load() },
  { name: 'xa.json', code: 'XA_STATE_UNREADABLE', load: () => xaFile(directory).load() },
  { name: 'ddl.json', code: 'DDL_NOTE_UNREADABLE', load: () => ddlNoteFile(directory).load() },
  {
    name: 'definitions.json',
    code: 'DEFINITIONS_NOTE_UNREADABLE',
    load: () => definitionsFile(directory).load(),
  },
];

describe.each(REFUSED)('a damaged $name', ({ name, code, load }) => {
  it.each(DAMAGED)('is refused with its path when it contains %j, and is not changed', async (text) => {
    const path = join(directory, name);
    writeFileSync(path, text);
    await expect(load()).rejects.toMatchObject({ code, message: expect.stringContaining(path) });
    expect(readFileSync(path, 'utf8')).toBe(text);
  });
});

it('after a damaged file was refused, the chain is unknown, not empty, until the file is restored', async () => {
  const chain = [epochEntry(3, { epoch: 2, ordinal: 9, gtid: '0-2-9' })];
  await new ChainFile(directory).save(chain);
  const path = join(directory, 'chain.json');
  const whole = readFileSync(path, 'utf8');
  writeFileSync(path, whole.slice(0, -5));
  const file = new ChainFile(directory);
  await expect(file.load()).rejects.toMatchObject({ code: 'CHAIN_UNREADABLE' });
  writeFileSync(path, whole);
  await file.load();
  expect(file.chain).toEqual(chain);
});

describe('the log end', () => {
  it('outlives the process', async () => {
    const file = new LogEndFile(directory, { logger: silentLogger });
    file.note(7);
    await expect.poll(() => new LogEndFile(directory, { logger: silentLogger }).load()).toBe(7);
  });

  it('is unknown when its file is damaged, and the log reports that', async () => {
    const warned: object[] = [];
    const logger: Logger = { ...silentLogger, warn: (data) => void warned.push(data) };
    writeFileSync(join(directory, 'log-end.json'), '{"ordinal":"7"}');
    expect(await new LogEndFile(directory, { logger }).load()).toBe(0);
    expect(warned).toEqual([{ path: join(directory, 'log-end.json'), reason: '/ordinal: Expected integer' }]);
  });
});

describe('the boot numbers of members', () => {
  it('outlive the process, and tell an older image of a disk', async () => {
    const boots = new BootNumbers(directory, { logger: silentLogger });
    await boots.load();
    boots.note('disk', 7);
    boots.note('disk', 6);
    const again = async () => {
      const read = new BootNumbers(directory, { logger: silentLogger });
      await read.load();
      return read;
    };
    await expect.poll(async () => (await again()).of('disk')).toBe(7);
    const known = await again();
    expect(['disk', 'disk', 'other'].map((disk, i) => known.isSetBack(disk, 6 + i))).toEqual([
      true,
      false,
      false,
    ]);
  });

  it('of many disks the last ones are kept', async () => {
    const boots = new BootNumbers(directory, { logger: silentLogger });
    await boots.load();
    for (let disk = 1; disk <= 70; disk++) boots.note(`disk ${disk}`, disk);
    await expect
      .poll(async () => {
        const read = new BootNumbers(directory, { logger: silentLogger });
        await read.load();
        return [read.of('disk 1'), read.of('disk 70')];
      })
      .toEqual([0, 70]);
  });
});
