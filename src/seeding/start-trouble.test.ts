import { expect, it } from 'vitest';
import { mariadb } from '../flavour/mariadb/mariadb.js';
import { StartTrouble } from './start-trouble.js';

const { words } = mariadb.program;

const CORRUPT =
  '2026-11-27 11:41:54 0 [ERROR] InnoDB: Database page corruption on disk or a failed read of file ./demo/t.ibd page [4]';

it('three starts in a row that fail are a reason, crashes of a server that was up are not', () => {
  const trouble = new StartTrouble(words);
  for (let i = 0; i < 5; i++) {
    trouble.up();
    expect(trouble.ended({ wasUp: true, reason: 'exit code 1', killedBy: null }, i)).toBe(null);
  }
  expect(trouble.ended({ wasUp: false, reason: 'exit code 1', killedBy: null }, 0)).toBe(null);
  trouble.up();
  expect(trouble.ended({ wasUp: false, reason: 'exit code 1', killedBy: null }, 0)).toBe(null);
  expect(trouble.ended({ wasUp: false, reason: 'exit code 1', killedBy: null }, 0)).toBe(null);
  expect(trouble.ended({ wasUp: false, reason: 'exit code 1', killedBy: null }, 0)).toMatchObject({
    cause: 'server-start',
  });
});

it('an option that the server only warns of is not the reason', () => {
  const trouble = new StartTrouble(words);
  const reason =
    "[Warning] mariadbd: unknown variable 'loose-max-binlog-total-size=0'\n[ERROR] Unknown/unsupported storage engine: InnoDB";
  for (let i = 0; i < 2; i++) trouble.ended({ wasUp: false, reason, killedBy: null }, 0);
  expect(trouble.ended({ wasUp: false, reason, killedBy: null }, 0)).toMatchObject({ cause: 'server-start' });
});

it('a second crash over damaged pages within ten minutes is a reason', () => {
  const trouble = new StartTrouble(words);
  expect(trouble.ended({ wasUp: true, reason: CORRUPT, killedBy: 'SIGABRT' }, 0)).toBe(null);
  expect(trouble.ended({ wasUp: true, reason: CORRUPT, killedBy: 'SIGABRT' }, 700_000)).toBe(null);
  expect(trouble.ended({ wasUp: true, reason: CORRUPT, killedBy: 'SIGABRT' }, 800_000)).toMatchObject({
    cause: 'page-damage',
  });
});

it('a kill, a wrong option or a full disk are no reason: other data would not help', () => {
  const trouble = new StartTrouble(words);
  for (let i = 0; i < 5; i++) {
    expect(trouble.ended({ wasUp: false, reason: 'killed by SIGKILL', killedBy: 'SIGKILL' }, 0)).toBe(null);
    for (const reason of [
      "[ERROR] mariadbd: unknown option '--nonsense'",
      '[ERROR] InnoDB: No space left on device',
    ])
      expect(trouble.ended({ wasUp: false, reason, killedBy: null }, 0)).toBe(null);
  }
});

const STAMP = '2026-11-27 11:41:54 7 ';

it('knows the words of the engine', () => {
  expect(CORRUPT).toMatch(words.damage);
  for (const line of [
    '[ERROR] InnoDB: Failed to read page 4 from file ./d/t.ibd: Page read from tablespace is corrupted.',
    '[ERROR] InnoDB: Table `d`.`t` is corrupted. Please drop the table and recreate.',
    '[ERROR] [FATAL] InnoDB: We detected index corruption; the table is marked as corrupted',
    '[ERROR] mariadbd: Table `d`.`t` is corrupted. Please drop the table and recreate.',
    "[ERROR] mariadbd: Index for table 't' is corrupt; try to repair it",
    "[ERROR] /usr/sbin/mariadbd: Table './mysql/db' is marked as crashed and should be repaired",
  ])
    expect(STAMP + line).toMatch(words.damage);
  expect(`${STAMP}[ERROR] InnoDB: Cannot allocate memory for the buffer pool`).not.toMatch(words.damage);
});

it('does not take for them what a client has sent', () => {
  for (const line of [
    "[Warning] Access denied for user 'Table a is marked as crashed'@'localhost' (using password: YES)",
    `[Warning] Access denied for user '${STAMP}[ERROR] InnoDB: page corruption'@'localhost'`,
    "[Warning] Aborted connection 9 to db: 'mariadbd: Table a is marked as crashed' user: 'x'",
  ])
    expect(STAMP + line).not.toMatch(words.damage);
});
