import fc from 'fast-check';
import { expect, it } from 'vitest';
import { packet } from '../mysql-protocol/packets.js';
import { CommandScan, failingStatement, type Kill } from './command-scan.js';

const login = (capabilities = 0xa205) => {
  const body = Buffer.alloc(40);
  body.writeUInt32LE(capabilities, 0);
  return packet(1, body);
};
const command = (code: number, text: string | Buffer) =>
  packet(0, Buffer.concat([Buffer.from([code]), Buffer.from(text)]));
const query = (text: string) => command(0x03, text);

/** Passes the bytes in these chunks; what went through, and what was found on the way. */
function run(chunks: Buffer[], scan = new CommandScan()): { passed: Buffer; kills: Kill[]; kept: number } {
  const passed: Buffer[] = [];
  const kills: Kill[] = [];
  let kept: Buffer = Buffer.alloc(0);
  for (const chunk of chunks) {
    let bytes = Buffer.concat([kept, chunk]);
    kept = Buffer.alloc(0);
    while (bytes.length > 0) {
      const at = scan.find(bytes);
      passed.push(bytes.subarray(0, at < 0 ? bytes.length : at));
      if (at < 0) break;
      bytes = bytes.subarray(at);
      if (!scan.kill) {
        kept = bytes;
        break;
      }
      kills.push(scan.kill);
      passed.push(bytes.subarray(0, scan.killSize));
      bytes = bytes.subarray(scan.killSize);
      scan.pass();
    }
  }
  return { passed: Buffer.concat(passed), kills, kept: kept.length };
}

const killsIn = (...packets: Buffer[]) => run([Buffer.concat([login(), ...packets])]).kills;

it.each<[string, Kill]>([
  ['KILL 5', { kind: 'session', id: 5 }],
  ['kill query 12', { kind: 'session', id: 12 }],
  ['KILL CONNECTION 7;', { kind: 'session', id: 7 }],
  ['\n /* by the\n driver */ -- now\n Kill Hard Query 3 ', { kind: 'session', id: 3 }],
  ['KILL QUERY ID 99', { kind: 'query', queryId: 99 }],
  ['KILL USER app', { kind: 'any' }],
  ['KILL @x', { kind: 'any' }],
  ['/*!50000 KILL 5 */', { kind: 'any' }],
  ['#\nkill 4', { kind: 'session', id: 4 }],
])('sees %j', (text, kill) => {
  expect(killsIn(query('SELECT 1'), query(text), query('SELECT 2'))).toEqual([kill]);
});

it.each(['SELECT 1', 'killer', 'KILLS 5', '-- KILL 5\nSELECT 1', '/* KILL 5 */ SELECT 1', 'k', ' ', '/'])(
  'lets %j pass',
  (text) => {
    expect(killsIn(query(text))).toEqual([]);
  },
);

it('sees the command of the protocol, and a KILL that is prepared', () => {
  expect(killsIn(command(0x0c, Buffer.from([42, 1, 0, 0])))).toEqual([{ kind: 'session', id: 298 }]);
  expect(killsIn(command(0x16, 'KILL QUERY ?'))).toEqual([{ kind: 'prepared' }]);
});

it('does not take a piece of a local file for a command, nor anything under TLS or compression', () => {
  const file = Array.from({ length: 300 }, (_, i) =>
    packet(i + 2, Buffer.from(i === 254 ? '\u0003KILL 5' : 'rows')),
  );
  expect(killsIn(query('LOAD DATA LOCAL'), ...file, query('KILL 6'))).toEqual([{ kind: 'session', id: 6 }]);
  for (const hiding of [0x800, 0x20, 0x0400_0000]) {
    expect(run([login(0xa205 | hiding), query('KILL 5')]).kills).toEqual([]);
  }
});

it('is the same for every cut of the stream, and nothing is lost or stays behind', () => {
  const statement = fc.oneof(
    fc.constantFrom('KILL 5', ' kill query 6', 'SELECT 1', '/* x */KILL USER a', '', 'K'),
    fc.string({ maxLength: 200 }).map((text) => `S${text}`),
  );
  fc.assert(
    fc.property(
      fc.array(statement, { maxLength: 8 }),
      fc.array(fc.nat(60), { maxLength: 30 }),
      (texts, cuts) => {
        const whole = Buffer.concat([login(), ...texts.map(query)]);
        const chunks: Buffer[] = [];
        let from = 0;
        for (const cut of [...cuts.map((n) => n + 1), whole.length]) {
          if (from < whole.length) chunks.push(whole.subarray(from, from + cut));
          from += cut;
        }
        const { passed, kills, kept } = run(chunks);
        expect(kept).toBe(0);
        expect(passed.equals(whole)).toBe(true);
        expect(kills.length).toBe(texts.filter((text) => /kill/i.test(text) && !text.startsWith('S')).length);
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
