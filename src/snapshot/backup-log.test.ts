import { describe, expect, it } from 'vitest';
import { BackupLog, isDiskFull } from './backup-log.js';

const at = (text: string) => `[00] 2026-11-27 07:52:10 ${text}\n`;

describe('the log of mariadb-backup', () => {
  it('tells which lock is asked for and held, and when commits wait', () => {
    const log = new BackupLog();
    const seen = [
      'Starting BACKUP STAGE START',
      'Acquired locks for BACKUP STAGE START',
      'Finished BACKUP STAGE START',
      'Starting BACKUP STAGE FLUSH',
      'Started BACKUP STAGE BLOCK_DDL',
      'Acquired locks for BACKUP STAGE BLOCK_DDL',
      'Starting BACKUP STAGE BLOCK_COMMIT',
      'Acquired locks for BACKUP STAGE BLOCK_COMMIT',
      'Finishing BACKUP STAGE BLOCK_COMMIT',
      'Executing BACKUP STAGE END',
      'All tables unlocked',
    ].map((line) => {
      const changed = log.push(at(line));
      return [changed, log.lock && `${log.lock.stage} ${log.lock.held}`, log.blocksCommits];
    });
    expect(seen).toEqual([
      [true, 'START false', false],
      [true, 'START true', false],
      [false, 'START true', false],
      [true, 'FLUSH false', false],
      [true, 'BLOCK_DDL false', false],
      [true, 'BLOCK_DDL true', false],
      [true, 'BLOCK_COMMIT false', true],
      [true, 'BLOCK_COMMIT true', true],
      [false, 'BLOCK_COMMIT true', true],
      [false, 'BLOCK_COMMIT true', true],
      [true, null, false],
    ]);
  });

  it('tells the place in the log, and its end, however the text is cut', () => {
    const log = new BackupLog();
    const text =
      at("MySQL binlog position: filename 'bin.000001', position '1615', GTID of the last change '0-1-8'") +
      at('completed OK!');
    for (const character of text) log.push(character);
    expect(log.place).toEqual({ file: 'bin.000001', offset: 1615 });
    expect(log.completed).toBe(true);
    const cut = new BackupLog();
    cut.push(text.slice(0, -4));
    expect(cut.completed).toBe(false);
  });

  it('keeps the last lines that tell something', () => {
    const log = new BackupLog();
    for (let i = 0; i < 50; i++)
      log.push(at(`Streaming ./t/a${i}.ibd`) + at('        ...done') + at(`fact ${i}`));
    log.push('[ERROR] the last');
    expect(log.tail.split('\n')).toHaveLength(13);
    expect(log.tail).toContain('fact 49\n[ERROR] the last');
    expect(log.tail).not.toContain('Streaming');
  });

  it('says when a disk is full', () => {
    expect(isDiskFull('mbstream: Can\'t write (Errcode: 28 "No space left on device")')).toBe(true);
    expect(isDiskFull('Errcode: 280')).toBe(false);
  });
});
