import fc from 'fast-check';
import { expect, it } from 'vitest';
import { packet } from '../mysql-protocol/packets.js';
import { CommandScan, type Found, failingStatement, query, STATEMENT_BYTES_MAX } from './command-scan.js';
import type { Kill } from './kill-text.js';

const command = (code: number, text: string | Buffer = '') =>
  packet(0, Buffer.concat([Buffer.from([code]), Buffer.from(text)]));
const RESET = command(0x1f);

const scanner = (options: { kills?: boolean; resets?: boolean; multi?: boolean } = {}) =>
  new CommandScan({ kills: true, resets: false, multi: false, ...options });

/** Passes the bytes in these chunks; what went through, what was found on the way, and how many bytes were kept last. */
function run(chunks: Buffer[], scan = scanner()): { passed: Buffer; found: Found[]; kept: number } {
  const passed: Buffer[] = [];
  const found: Found[] = [];
  let kept: Buffer = Buffer.alloc(0);
  let needed = 0;
  for (const chunk of chunks) {
    kept = Buffer.concat([kept, chunk]);
    while (kept.length > 0 && kept.length >= needed) {
      needed = 0;
      const at = scan.find(kept);
      passed.push(kept.subarray(0, at < 0 ? kept.length : at));
      kept = kept.subarray(at < 0 ? kept.length : at);
      if (at < 0) break;
      if (!scan.found) {
        needed = scan.size;
        expect(needed).toBeGreaterThan(kept.length);
        break;
      }
      found.push(scan.found);
      if (scan.found.kind === 'after-reset') {
        scan.resume();
        continue;
      }
      passed.push(kept.subarray(0, scan.size));
      kept = kept.subarray(scan.size);
      scan.pass();
    }
  }
  return { passed: Buffer.concat(passed), found, kept: kept.length };
}

const killsIn = (packets: Buffer[], scan?: CommandScan): Kill[] =>
  run([Buffer.concat(packets)], scan).found.flatMap((found) => (found.kind === 'kill' ? [found.kill] : []));

it.each<[string, Kill]>([
  ['KILL 5', { kind: 'session', id: 5 }],
  ['Kill 5', { kind: 'session', id: 5 }],
  [' kill query 12', { kind: 'session', id: 12 }],
  ['#\nkill 4', { kind: 'session', id: 4 }],
  ['/*!50000 KILL 5 */', { kind: 'session', id: 5 }],
  ['(KILL 5)', { kind: 'session', id: 5 }],
  ['SET STATEMENT max_statement_time=1 FOR KILL 5', { kind: 'session', id: 5 }],
  ['set/**/statement max_statement_time=1 for KILL 5', { kind: 'session', id: 5 }],
  ['BEGIN NOT ATOMIC KILL 5; END', { kind: 'later' }],
  ['if(1)then kill 5; end if', { kind: 'later' }],
  ['For i IN 1..1 DO KILL 5; END FOR', { kind: 'later' }],
  ["EXECUTE IMMEDIATE 'KILL 5'", { kind: 'later' }],
  ["prepare s from 'KILL 5'", { kind: 'later' }],
  [`/*${' '.repeat(2_000)}*/KILL 5`, { kind: 'session', id: 5 }],
])('sees %j between other statements', (text, kill) => {
  if (text.startsWith('(')) expect(killsIn([query(text)])).toEqual([]);
  else expect(killsIn([query('SELECT 1'), query(text), query('SELECT 2')])).toEqual([kill]);
});

it('sees the command of the protocol, and a KILL that is prepared', () => {
  expect(killsIn([command(0x0c, Buffer.from([42, 1, 0, 0]))])).toEqual([{ kind: 'session', id: 298 }]);
  expect(killsIn([command(0x16, 'KILL QUERY ?')])).toEqual([{ kind: 'later' }]);
  expect(killsIn([command(0x16, 'SELECT 1; KILL 5')], scanner({ multi: true }))).toEqual([]);
});

it('sees a second statement where the client has asked for several in one text, at its login or later', () => {
  const text = query("INSERT INTO t VALUES ('a'); KILL 5");
  expect(killsIn([text])).toEqual([]);
  expect(killsIn([text], scanner({ multi: true }))).toEqual([{ kind: 'later' }]);
  const option = (off: number) => command(0x1b, Buffer.from([off, 0]));
  expect(killsIn([option(0), text, option(1), text])).toEqual([{ kind: 'later' }]);
});

it('does not look at a statement that is longer than it may keep', () => {
  const text = `/*${'x'.repeat(STATEMENT_BYTES_MAX)}*/KILL 5`;
  expect(run([query(text)])).toMatchObject({ found: [], kept: 0 });
});

it('does not take a piece of a local file for a command, and sees the command after the file, whatever its length', () => {
  const rows = (count: number, text = 'rows') =>
    Array.from({ length: count }, (_, i) => packet((i + 2) & 0xff, Buffer.from(text)));
  const six: Kill[] = [{ kind: 'session', id: 6 }];
  const file = rows(300);
  file[254] = packet(0, Buffer.from('\u0003KILL 5'));
  expect(killsIn([query('LOAD DATA LOCAL'), ...file, query('KILL 6')])).toEqual(six);
  // The empty packet that ends it has number 255.
  const end = packet(255, Buffer.alloc(0));
  expect(killsIn([query('LOAD DATA LOCAL'), ...rows(253), end, query('KILL 6')])).toEqual(six);
});

it('holds the command after a reset or a change of user, once for each, and the answers of a login are none', () => {
  const scan = scanner({ resets: true, kills: false });
  const changeUser = [command(0x11, 'app'), packet(2, Buffer.from('answer'))];
  const { found, passed } = run([Buffer.concat([query('SELECT 1'), RESET])], scan);
  expect(found).toEqual([]);
  expect(passed.length).toBe(query('SELECT 1').length + RESET.length);
  expect(run([query('KILL 5'), query('SELECT 1')], scan).found).toEqual([{ kind: 'after-reset' }]);
  expect(run([...changeUser, query('SELECT 1'), query('SELECT 1')], scan).found).toHaveLength(1);
  expect(run([RESET, RESET, RESET, query('SELECT 1')], scan).found).toHaveLength(3);
  expect(run([RESET, query('SELECT 1')], scanner({ resets: false })).found).toEqual([]);
});

it('is the same for every cut of the stream, and nothing is lost or stays behind', () => {
  const statement = fc.oneof(
    fc.constantFrom(
      'KILL 5',
      ' kill query 6',
      'SELECT 1',
      '/* x */KILL USER a',
      '',
      'K',
      'begin',
      'SELECT 1;KILL 5',
    ),
    fc.string({ maxLength: 200 }).map((text) => `X${text.replaceAll(';', '')}`),
  );
  fc.assert(
    fc.property(
      fc.array(statement, { maxLength: 8 }),
      fc.array(fc.nat(60), { maxLength: 30 }),
      (texts, cuts) => {
        const whole = Buffer.concat(texts.flatMap((text) => [query(text), ...(text === 'K' ? [RESET] : [])]));
        const chunks: Buffer[] = [];
        let from = 0;
        for (const cut of [...cuts.map((n) => n + 1), whole.length]) {
          if (from < whole.length) chunks.push(whole.subarray(from, from + cut));
          from += cut;
        }
        const scan = scanner({ multi: true, resets: true });
        const { passed, found, kept } = run(chunks, scan);
        expect(kept).toBe(0);
        expect(passed.equals(whole)).toBe(true);
        const kills = texts.filter((text) => /kill/i.test(text) && !text.startsWith('X')).length;
        const resets = texts.filter((text, at) => text === 'K' && at < texts.length - 1).length;
        expect(found.length).toBe(kills + resets);
      },
    ),
  );
});

it('makes a statement that can be nothing else than our error', () => {
  const bytes = failingStatement("it's \\ no");
  expect(bytes.toString('latin1', 5)).toBe(
    "SIGNAL SQLSTATE 'HY000' SET MYSQL_ERRNO = 1095, MESSAGE_TEXT = 'its  no'",
  );
  expect(bytes.readUIntLE(0, 3)).toBe(bytes.length - 4);
});
