import { expect, it } from 'vitest';
import { mysqlWords } from './server-words.js';

/** From real logs of 9.7.4. */
const DAMAGE =
  '2026-11-28T17:28:48.367937Z 8 [ERROR] [MY-011906] [InnoDB] Database page corruption on disk or a failed file read of page [page id: space=21, page number=4]. You may have to recover from a backup.';
const LOCKED =
  '2026-11-28T17:15:51.766983Z 1 [ERROR] [MY-012574] [InnoDB] Unable to lock ./ibdata1 error: 11';
const SYSTEM = '2026-11-28T17:20:37.237958Z 1 [System] [MY-013577] [InnoDB] InnoDB initialization has ended.';

it('a damaged page is told from what a client makes the server say', () => {
  expect(mysqlWords.damage.test(DAMAGE)).toBe(true);
  expect(mysqlWords.damageInText.test(`${SYSTEM}\n${DAMAGE}`)).toBe(true);
  const said = DAMAGE.slice(DAMAGE.indexOf('Database'));
  expect(mysqlWords.damage.test(said)).toBe(false);
  expect(mysqlWords.damage.test(`Access denied for user '${DAMAGE}'`)).toBe(false);
});

it('another server on the same files is no fault of the data', () => {
  expect(mysqlWords.notTheData.test(LOCKED)).toBe(true);
  expect(mysqlWords.notTheData.test(DAMAGE)).toBe(false);
  expect(mysqlWords.well.test(SYSTEM)).toBe(true);
  expect(mysqlWords.well.test(LOCKED)).toBe(false);
  expect(mysqlWords.error.exec(LOCKED)?.[1]).toBe('Unable to lock ./ibdata1 error: 11');
});
