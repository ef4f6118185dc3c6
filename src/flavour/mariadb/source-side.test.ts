import { describe, expect, it } from 'vitest';
import { mariadbSource } from './source-side.js';

const query = (sql: string) => Buffer.concat([Buffer.from([3]), Buffer.from(sql)]);

/** In the order in which a MariaDB 10.11.19 IO thread says it; the first line only when it dials again. */
const CONVERSATION = [
  'SET NAMES utf8mb4',
  'SELECT UNIX_TIMESTAMP()',
  "SHOW VARIABLES LIKE 'SERVER_ID'",
  'SET @master_heartbeat_period= 2000000512',
  'SET @master_binlog_checksum= @@global.binlog_checksum',
  'SELECT @master_binlog_checksum',
  'SET @mariadb_slave_capability=4',
  'SELECT @@GLOBAL.gtid_domain_id',
  "SET @slave_connect_state='0-1000001-60038'",
  'SET @slave_gtid_strict_mode=1',
  'SET @slave_gtid_ignore_duplicates=0',
];

describe('the conversation of an IO thread', () => {
  it('is answered to its end', () => {
    const conversation = mariadbSource.conversation({ serverId: 1 });
    for (const sql of CONVERSATION) expect(conversation.answer(query(sql)).kind, sql).toBe('send');
    expect(conversation.answer(Buffer.from([0x15])).kind).toBe('send');
    expect(conversation.answer(Buffer.from([0x12]))).toEqual({
      kind: 'dump',
      after: '0-1000001-60038',
      heartbeatMs: 2000.000512,
    });
    expect(conversation.answer(Buffer.from([0x01])).kind).toBe('quit');
  });

  it.each(['SELECT 1', 'DROP TABLE t', 'SET GLOBAL read_only=0', ''])('refuses "%s"', (sql) => {
    expect(mariadbSource.conversation({ serverId: 1 }).answer(query(sql)).kind).toBe('refused');
  });

  it('does not take what is no GTID for a position', () => {
    const conversation = mariadbSource.conversation({ serverId: 1 });
    expect(() => conversation.answer(query("SET @slave_connect_state='0-1'"))).toThrow(
      expect.objectContaining({ code: 'INVALID_GTID' }),
    );
  });
});
