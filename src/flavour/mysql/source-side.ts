import { buildEvent, EVENT } from '../../mysql-protocol/events.js';
import { cachingSha2Password } from '../../mysql-protocol/login-method.js';
import { ok, refused, row } from '../source-replies.js';
import type { SourceConversation, SourceReply, SourceSide } from '../source-side.js';
import { MYSQL_EVENT } from './event-types.js';
import { uuidOfNode } from './gtid.js';
import { decodeGtidSet, formatGtidSet } from './gtid-set.js';

const COM = { quit: 0x01, query: 0x03, ping: 0x0e, register: 0x15, dumpGtid: 0x1e } as const;

/** A replica refuses a source with its own UUID. No node has this name. */
const ENDPOINT_UUID = uuidOfNode('');

/** COM_BINLOG_DUMP_GTID: u16 flags, u32 server id, u32 length of a name, the name, u64 position, u32 length, the set. */
const NAME_AT = 7;

class MysqlConversation implements SourceConversation {
  readonly serverId: number;
  /** Requested by the reader, which gives its source up after replica_net_timeout without a byte. */
  #heartbeatMs = 1_000;

  constructor({ serverId }: { readonly serverId: number }) {
    this.serverId = serverId;
  }

  answer(payload: Buffer): SourceReply {
    const command = payload[0];
    if (command === COM.query) return this.#query(payload.toString('utf8', 1));
    if (command === COM.register || command === COM.ping) return ok();
    if (command === COM.quit) return { kind: 'quit' };
    if (command === COM.dumpGtid) {
      const lengthAt = NAME_AT + 4 + payload.readUInt32LE(NAME_AT) + 8;
      const set = payload.subarray(lengthAt + 4, lengthAt + 4 + payload.readUInt32LE(lengthAt));
      return { kind: 'dump', after: formatGtidSet(decodeGtidSet(set)), heartbeatMs: this.#heartbeatMs };
    }
    return refused(`command ${command}`);
  }

  #query(sql: string): SourceReply {
    const rule = RULES.find(([pattern]) => pattern.test(sql));
    const match = rule?.[0].exec(sql);
    return rule && match ? rule[1](this, match) : refused(sql);
  }

  setHeartbeat(nanoseconds: number): SourceReply {
    if (nanoseconds > 0) this.#heartbeatMs = Math.max(100, nanoseconds / 1e6);
    return ok();
  }
}

const RULES: [RegExp, (self: MysqlConversation, match: RegExpExecArray) => SourceReply][] = [
  [/^SELECT UNIX_TIMESTAMP\(\)/i, () => row(['UNIX_TIMESTAMP()'], [String(Math.floor(Date.now() / 1000))])],
  [/^SELECT @@GLOBAL\.SERVER_ID/i, (self) => row(['@@GLOBAL.SERVER_ID'], [String(self.serverId)])],
  [/^SELECT @@GLOBAL\.SERVER_UUID/i, () => row(['@@GLOBAL.SERVER_UUID'], [ENDPOINT_UUID])],
  [/^SELECT @@GLOBAL\.GTID_MODE/i, () => row(['@@GLOBAL.GTID_MODE'], ['ON'])],
  [/^SELECT @source_binlog_checksum/i, () => row(['@source_binlog_checksum'], ['CRC32'])],
  [/^SET @master_heartbeat_period\s*=\s*(\d+)/i, (self, match) => self.setHeartbeat(Number(match[1]))],
  [/^SET @(master_binlog_checksum|slave_uuid)\b/i, () => ok()],
  // Sent by an IO thread that reconnects: its client library restores the session's character set.
  [/^SET NAMES\b/i, () => ok()],
];

const EMPTY_SET = Buffer.alloc(8);

export const mysqlSource: SourceSide = {
  serverVersion: '9.7.0-skein',
  login: cachingSha2Password,
  conversation: (options) => new MysqlConversation(options),
  // What comes before the stream is not asked of it.
  beginEvent: (serverId) => buildEvent({ type: MYSQL_EVENT.previousGtids, serverId, body: EMPTY_SET }),
  // A position behind the reader's own count would stop it for good. One ahead of it is taken over.
  heartbeatEvent: (serverId, { file, position }) =>
    buildEvent({ type: EVENT.heartbeat, serverId, endPosition: position + 4, body: Buffer.from(file) }),
};
