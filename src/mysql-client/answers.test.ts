import { describe, expect, it } from 'vitest';
import { ExecuteAnswer, OkAnswer, PrepareAnswer, TextAnswer } from './answers.js';
import { ColumnCache } from './column-cache.js';

/** Payloads as MariaDB 10.11 sends them to a client with CLIENT_DEPRECATE_EOF. */
const bytes = (hex: string) => Buffer.from(hex.replaceAll(' ', ''), 'hex');
const text = (value: string) =>
  `${Buffer.from([value.length]).toString('hex')}${Buffer.from(value).toString('hex')}`;
/** A LONGLONG or VAR_STRING column, utf8mb4. */
const column = (name: string, type = 'fd') =>
  bytes(`03646566 00 00 00 ${text(name)} 00 0c 2d00 00000000 ${type} 0000 00 0000`);
const OK = bytes('00 01 07 0200 0300');
const END_OF_ROWS = bytes('fe 00 00 2200 0000');
const MORE_RESULTS = bytes('00 00 00 0a00 0000');
const ERROR = Buffer.concat([bytes('ff 2804 23'), Buffer.from('42000You have an error')]);

const session = { status: 0 };
const columns = () => new ColumnCache(false);

/** How many of the packets were taken until the answer was complete. */
const takeAll = (answer: { take(payload: Buffer): boolean }, packets: readonly Buffer[]) =>
  packets.findIndex((payload) => answer.take(payload)) + 1;

describe('the answer to COM_QUERY', () => {
  it('is named rows of texts, with NULL apart from the empty text and from its name', () => {
    const answer = new TextAnswer(session, columns(), 'utf8');
    const rows = [bytes(`${text('ü')}`.replace(/^../, '02')), bytes(`fb`)];
    const packets = [
      bytes('02'),
      column('a'),
      column('b'),
      Buffer.concat([rows[0] as Buffer, rows[1] as Buffer]),
      bytes(`00 ${text('NULL')}`),
      END_OF_ROWS,
    ];
    expect(takeAll(answer, packets)).toBe(packets.length);
    expect(answer.names).toEqual(['a', 'b']);
    expect(answer.rows).toEqual([
      ['ü', null],
      ['', 'NULL'],
    ]);
    expect(session.status).toBe(0x22);
  });

  it('gives bytes one by one as latin1', () => {
    const answer = new TextAnswer(session, columns(), 'latin1');
    takeAll(answer, [bytes('01'), column('data'), bytes('03 00ff c3'), END_OF_ROWS]);
    expect(Buffer.from(answer.rows[0]?.[0] ?? '', 'latin1')).toEqual(bytes('00ff c3'));
  });

  it('ends with the last of several results, of which it keeps the last rows', () => {
    const answer = new TextAnswer(session, columns(), 'utf8');
    const packets = [
      MORE_RESULTS,
      bytes('01'),
      column('a'),
      bytes(text('1')),
      bytes('fe 00 00 0a00 0000'),
      OK,
    ];
    expect(takeAll(answer, packets)).toBe(packets.length);
    expect(answer.rows).toEqual([['1']]);
  });

  it('can be an error, also behind the first rows', () => {
    const error = expect.objectContaining({ name: 'ServerError', errno: 1064, sqlState: '42000' });
    expect(() => new TextAnswer(session, columns(), 'utf8').take(ERROR)).toThrow(error);
    const answer = new TextAnswer(session, columns(), 'utf8');
    takeAll(answer, [bytes('01'), column('a'), bytes(text('1'))]);
    expect(() => answer.take(ERROR)).toThrow(error);
  });

  it('that asks for a local file is not followed', () => {
    const answer = new TextAnswer(session, columns(), 'utf8');
    expect(() => answer.take(Buffer.concat([bytes('fb'), Buffer.from('/etc/passwd')]))).toThrow(
      expect.objectContaining({ code: 'UNREADABLE_ANSWER' }),
    );
  });
});

it('an OK packet tells the status', () => {
  const answer = new OkAnswer(session);
  expect(answer.take(OK)).toBe(true);
  expect([answer.status, session.status]).toEqual([2, 2]);
  expect(() => answer.take(ERROR)).toThrow(expect.objectContaining({ errno: 1064 }));
});

it('a prepared statement has its id, its parameters and its columns', () => {
  const packets = [bytes('00 05000000 0100 0200 00 0000'), column('?'), column('?'), column('n', '08')];
  const answer = new PrepareAnswer(columns());
  expect(takeAll(answer, packets)).toBe(packets.length);
  expect(answer).toMatchObject({ id: 5, parameterCount: 2, columns: [{ name: 'n', type: 8 }] });
  expect(() => new PrepareAnswer(columns()).take(OK)).toThrow(
    expect.objectContaining({ code: 'UNREADABLE_ANSWER' }),
  );
});

describe('the answer to COM_STMT_EXECUTE', () => {
  const told: unknown[] = [];
  const sink = {
    columns: (found: readonly { name: string }[]) => told.push(found.map(({ name }) => name)),
    row: (payload: Buffer) => told.push(payload.toString('hex')),
    end: (result: unknown) => told.push(result),
  };
  const once = { sink, executed: { columns: [], mustBeSame: false }, mayOmitColumns: false };
  /** Of a session in which the header of a result says whether the columns follow. */
  const kept = (mustBeSame: boolean) => {
    const cache = columns();
    const executed = { columns: [cache.decode(column('n'))], mustBeSame };
    return new ExecuteAnswer(session, cache, { sink, executed, mayOmitColumns: true });
  };

  it('hands on columns, rows and the end', () => {
    told.length = 0;
    const answer = new ExecuteAnswer(session, columns(), once);
    const packets = [bytes('01'), column('n'), bytes('00 00 01 31'), END_OF_ROWS];
    expect(takeAll(answer, packets)).toBe(packets.length);
    expect(told).toEqual([
      ['n'],
      '00000131',
      { affectedRows: 0n, insertId: 0n, warnings: 0, status: 0x22, hasRows: true },
    ]);
    expect(answer.refused).toBeNull();
  });

  it('of a write has its counts', () => {
    told.length = 0;
    expect(new ExecuteAnswer(session, columns(), once).take(OK)).toBe(true);
    expect(told).toEqual([{ affectedRows: 1n, insertId: 7n, warnings: 3, status: 2, hasRows: false }]);
  });

  it('refuses rows of the text protocol', () => {
    const answer = new ExecuteAnswer(session, columns(), once);
    takeAll(answer, [bytes('01'), column('n')]);
    expect(() => answer.take(bytes('01 31'))).toThrow(expect.objectContaining({ code: 'UNREADABLE_ANSWER' }));
  });

  it('has the columns of the preparation when the server leaves them out', () => {
    for (const mustBeSame of [false, true]) {
      told.length = 0;
      const answer = kept(mustBeSame);
      const packets = [bytes('01 00'), bytes('00 00 01 31'), END_OF_ROWS];
      expect(takeAll(answer, packets)).toBe(packets.length);
      expect(told.slice(0, 2)).toEqual([['n'], '00000131']);
      expect(answer.changed).toBe(false);
    }
    expect(() => kept(false).take(bytes('02 00'))).toThrow(
      expect.objectContaining({ code: 'UNREADABLE_ANSWER' }),
    );
  });

  it('is not handed on when the statement may be another one', () => {
    told.length = 0;
    const answer = kept(true);
    const packets = [bytes('01 01'), column('m'), bytes('00 00 01 31'), END_OF_ROWS];
    expect(takeAll(answer, packets)).toBe(packets.length);
    const without = kept(true);
    expect(without.take(OK)).toBe(true);
    expect([told, answer.changed, without.changed]).toEqual([[], true, true]);
    expect(takeAll(kept(false), packets)).toBe(packets.length);
    expect(told.slice(0, 2)).toEqual([['m'], '00000131']);
  });
});
