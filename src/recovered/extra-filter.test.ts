import { expect, it } from 'vitest';
import { ExtraFilter, GtidListReader } from './extra-filter.js';
import type { LinePiece } from './printed-log.js';

const OUTPUT = `DELIMITER /*!*/;
# at 4
#261127  8:31:56 server id 33  end_log_pos 256 CRC32 0x21a84284 \tStart: binlog v 4, server v 10.11
# at 256
#261127  8:31:56 server id 33  end_log_pos 285 CRC32 0x459fd21f \tGtid list [0-1000001-4]
# at 322
#261127  8:31:56 server id 1000001  end_log_pos 364 CRC32 0xbcc7d130 \tGTID 0-1000001-5 trans
# at 364
#261127  8:31:56 server id 1000001  end_log_pos 495 CRC32 0x4b11bc35 \tQuery\tthread_id=7
INSERT INTO cluster VALUES (1)
# at 495
#261127  8:31:56 server id 2000000007  end_log_pos 537 CRC32 0x4aadd60f \tGTID 0-2000000007-6 trans
# at 537
#261127  8:31:56 server id 2000000007  end_log_pos 600 CRC32 0x4aadd60f \tWrite_rows: table id 18 flags: STMT_END_F
### INSERT INTO \`d\`.\`t\`
### SET
###   @1=7
# at 600
#261127  8:31:56 server id 2000000007  end_log_pos 640 CRC32 0x4aadd60f \tXid = 12
COMMIT/*!*/;
# at 640
#261127  8:31:56 server id 33  end_log_pos 660 CRC32 0x4aadd60f \tStop
DELIMITER ;`;

const pieces = (text: string): LinePiece[] =>
  (text.match(/[^\n]*\n|[^\n]+$/g) ?? []).map((line) => ({ text: line, beginsLine: true }));

it('keeps the transactions that the cluster does not have, whole, and nothing else', () => {
  const filter = new ExtraFilter((gtid) => gtid === '0-1000001-5');
  const kept = pieces(OUTPUT)
    .map((piece) => filter.take(piece))
    .join('')
    .split('\n');
  expect(filter).toMatchObject({ count: 1, first: '0-2000000007-6', last: '0-2000000007-6' });
  expect(kept[0]).toBe('# at 495');
  expect(kept).toContain('###   @1=7');
  expect(kept.slice(-2)).toEqual(['COMMIT/*!*/;', '']);
  expect(kept.join('\n')).not.toMatch(/cluster|Stop|Start/);
});

it('keeps all pieces of a long line, and takes none of them for the begin of an event', () => {
  const filter = new ExtraFilter(() => false);
  const taken = [
    ...pieces(OUTPUT.slice(0, OUTPUT.indexOf('###   @1=7'))),
    { text: "###   @1='", beginsLine: true },
    { text: '# at 5\n', beginsLine: false },
    ...pieces('###   @2=1\n'),
  ].map((piece) => filter.take(piece));
  expect(taken.slice(-3)).toEqual(["###   @1='", '# at 5\n', '###   @2=1\n']);
});

it('reads where a file of the log begins, in one line or several', () => {
  const list = (text: string) => {
    const reader = new GtidListReader();
    return pieces(text).reduce<string[] | null>((found, piece) => found ?? reader.take(piece), null);
  };
  const begin = '#261127  8:31:56 server id 33  end_log_pos 285 CRC32 0x45 \tGtid list ';
  const both = ['0-1000001-4', '0-2000000007-6'];
  expect(list(`${begin}[0-1000001-4,\n`)).toBe(null);
  expect(list(`# at 256\n${begin}[0-1000001-4,\n# 0-2000000007-6]\n# at 300\n`)).toEqual(both);
  expect(list(`${begin}[0-1000001-4, 0-2000000007-6]\n`)).toEqual(both);
  expect(list(`${begin}[]\n`)).toEqual([]);
});
