import { expect, it } from 'vitest';
import { ExtraFilter, gtidList } from './extra-filter.js';

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

it('keeps the transactions that the cluster does not have, whole, and nothing else', () => {
  const filter = new ExtraFilter((gtid) => gtid === '0-1000001-5');
  const kept = OUTPUT.split('\n').flatMap((line) => filter.take(line));
  expect(filter.gtids).toEqual(['0-2000000007-6']);
  expect(kept[0]).toBe('# at 495');
  expect(kept).toContain('###   @1=7');
  expect(kept.at(-1)).toBe('COMMIT/*!*/;');
  expect(kept.join('\n')).not.toMatch(/cluster|Stop|Start/);
});

it('reads where a file of the log begins', () => {
  const line = '#261127  8:31:56 server id 33  end_log_pos 285 CRC32 0x45 \tGtid list [0-1000001-4,\n';
  expect(gtidList(line)).toBe(null);
  expect(gtidList('#261127 \tGtid list [0-1000001-4, 0-2000000007-6]')).toEqual([
    '0-1000001-4',
    '0-2000000007-6',
  ]);
  expect(gtidList('#261127 \tGtid list []')).toEqual([]);
});
