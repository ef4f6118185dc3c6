import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Kill, killIn } from './kill-text.js';
import type { Text } from './sql-tokens.js';

const five: Kill = { kind: 'session', id: 5 };
const any: Kill = { kind: 'any' };
const later: Kill = { kind: 'later' };

/** Whether MariaDB 10.11 executes it was tried on a server; the system test of the ports does so again for most. */
describe('sees the KILL', () => {
  it.each<[string, Kill]>([
    ['KILL 5', five],
    ['kill query 12', { kind: 'session', id: 12 }],
    ['KILL CONNECTION 7;', { kind: 'session', id: 7 }],
    ['KILL QUERY 005;;', five],
    ['\n /* by the\n driver */ -- now\n Kill Hard Query 3 ', { kind: 'session', id: 3 }],
    ['KILL QUERY ID 99', { kind: 'query', queryId: 99 }],
    ['KILL/*x*/QUERY/*!*/5', five],
    ['KILL--\nQUERY 5 -- x', five],
    ['KILL QUERY 5 #', five],
    ['#\nkill 4', { kind: 'session', id: 4 }],
    ['--\u0001 x\nKILL 5', five],
    ['\u000b\u000cKILL\u000b5', five],
    ['\u00a0KILL\u00a05', five],
    ['/* /* */ KILL 5', five],
    // executable comments
    ['/*!50000 KILL 5 */', five],
    ['/*!KILL 5*/', five],
    ['/*M!100000 KILL 5 */', five],
    ['/*!KILL*/ 5', five],
    ['/*! /* x */ KILL 5 */', five],
    ['/*! */KILL 5', five],
    ['/*!999999 SELECT 1 */ KILL 5', five],
    ['/*!80000 SELECT 1 */ KILL 5', five],
    ['/*!110000 KILL 5 */', five],
    // SET STATEMENT
    ['SET STATEMENT max_statement_time=9 FOR KILL QUERY 5', five],
    ['set/**/statement a=1, b="for kill" FOR SET STATEMENT c=(2) FOR\nkill 5', later],
    ['SET STATEMENT max_statement_time=(SELECT SLEEP(1)) FOR KILL 5', later],
    ['SET STATEMENT a=1 FOR BEGIN NOT ATOMIC KILL 5; END', later],
    // who is meant cannot be said
    ['KILL USER app', any],
    ['KILL @x', any],
    ['KILL 5+0', any],
    ["KILL '5'", any],
    ['KILL 0x5', any],
    ['KILL (SELECT 5)', any],
    ['KILL CONNECTION_ID()', any],
    // when it runs cannot be said
    ['BEGIN NOT ATOMIC KILL 5; END', later],
    ['IF 1 THEN KILL 5; END IF', later],
    ['CASE 1 WHEN 1 THEN KILL 5; END CASE', later],
    ['REPEAT KILL 5; UNTIL 1 END REPEAT', later],
    ['WHILE 1 DO KILL 5; END WHILE', later],
    ['FOR i IN 1..1 DO KILL 5; END FOR', later],
    ['DECLARE x INT; BEGIN KILL 5; END;', later],
    ["EXECUTE IMMEDIATE 'KILL 5'", later],
    ['EXECUTE IMMEDIATE "KILL " "5"', later],
    ["EXECUTE IMMEDIATE (_utf8'/**/kill 5')", later],
    ["PREPARE s FROM 'KILL ?'", later],
    [`EXECUTE IMMEDIATE "EXECUTE IMMEDIATE 'KILL 5'"`, later],
  ])('%j', (text, kill) => {
    expect(killIn(text, { multi: false })).toEqual(kill);
  });

  it.each<[string, Kill]>([
    ['SELECT 1; KILL 5', later],
    ['SELECT \';\', `;`, ";" ; ; kill 5', later],
    ['KILL 5; SELECT 1', five],
    ['KILL 5; KILL 6', later],
    ["SELECT 'it\\'s; x'; KILL 5", later],
  ])('behind another statement, where the connection allows that: %j', (text, kill) => {
    expect(killIn(text, { multi: true })).toEqual(kill);
  });
});

it.each([
  'SELECT 1',
  'killer',
  'KILLS 5',
  '-- KILL 5\nSELECT 1',
  '/* KILL 5 */ SELECT 1',
  '/*!80000 KILL 5 */ SELECT 1',
  '`KILL` 5',
  'k',
  ' ',
  '/',
  '/*',
  "'",
  '',
  'BEGIN',
  "BEGIN NOT ATOMIC SELECT 'KILL 5', t.kill, @kill; END",
  "SET STATEMENT sql_mode='FOR KILL 5' FOR SELECT 1",
  "PREPARE s FROM 'SELECT kills FROM skill'",
  'EXECUTE s',
  'SET @kill = 5',
  'EXPLAIN KILL 5',
])('lets %j pass', (text) => {
  expect(killIn(text, { multi: false })).toBeNull();
});

it.each(["INSERT INTO t VALUES ('; KILL 5')", 'SELECT 1; -- KILL 5', 'SELECT a.kill; SELECT 2'])(
  'lets %j pass where several statements are allowed',
  (text) => {
    expect(killIn(text, { multi: true })).toBeNull();
  },
);

/** Counts how often a character is looked at. */
class CountingText implements Text {
  looks = 0;
  readonly length: number;
  readonly #text: string;
  constructor(text: string) {
    this.#text = text;
    this.length = text.length;
  }
  charCodeAt(index: number): number {
    this.looks++;
    return this.#text.charCodeAt(index);
  }
}

describe('the work is in proportion to the text', () => {
  /** Looks at each character: some by the tokens, some to read words, all of it twice for versions, and per nesting. */
  const LOOKS_MAX = 60;
  const looks = (text: string, multi: boolean) => {
    const counting = new CountingText(text);
    killIn(counting, { multi });
    return counting.looks;
  };

  // The regular expression that was here before took 2^n steps for the first of these.
  it.each([
    '/**/',
    '/*/',
    '/*!',
    '/*!999999',
    '/*!999999 */',
    '/*! */',
    '*/',
    ' ',
    '--\n',
    '-- ',
    '#\n',
    '#',
    "'",
    "\\'",
    '"',
    '`',
    '(',
    ';',
    'k',
    'KILL',
    'KILL ',
    '.KILL ',
    'SET STATEMENT a=1 FOR ',
    'SET STATEMENT (',
    'FOR ',
    'BEGIN ',
    "EXECUTE IMMEDIATE '",
    'EXECUTE IMMEDIATE "\'',
    "PREPARE a '' ",
    '\u00a0',
    '\u00e9\u00a0',
    '9',
  ])('%j again and again', (piece) => {
    for (const lead of [
      '',
      'KILL ',
      'SET STATEMENT ',
      'BEGIN ',
      "EXECUTE IMMEDIATE '",
      'SELECT 1;',
      '/*!110000 ',
    ]) {
      for (const tail of ['', 'X', 'KILL 5', "'", '*/ KILL']) {
        const text = `${lead}${piece.repeat(Math.ceil(8_000 / piece.length))}${tail}`;
        for (const multi of [false, true]) expect(looks(text, multi)).toBeLessThan(LOOKS_MAX * text.length);
      }
    }
  });

  it('for any mixture', () => {
    const piece = fc.constantFrom(
      ...'/**/ /* */ /*! /*!50000 /*M!110000 /*!999999 -- # \' " ` \\ ( ) ; . @ KILL QUERY ID 5 SET STATEMENT FOR BEGIN EXECUTE IMMEDIATE PREPARE x'.split(
        ' ',
      ),
      '\n',
      ' ',
      '\u00a0',
    );
    fc.assert(
      fc.property(fc.array(piece, { minLength: 1, maxLength: 400 }), fc.boolean(), (pieces, multi) => {
        const text = pieces.join('');
        expect(looks(text, multi)).toBeLessThan(LOOKS_MAX * (text.length + 10));
      }),
      { numRuns: 500 },
    );
  });
});
