import { buildEvent, EVENT, FLAG_ARTIFICIAL } from '../../mysql-protocol/events.js';
import { nativePassword } from '../../mysql-protocol/login-method.js';
import { ok, refused, row } from '../source-replies.js';
import type { SourceConversation, SourceReply, SourceSide } from '../source-side.js';
import { MARIADB_EVENT } from './event-types.js';
import { encodeMariadbGtid, parseMariadbGtid } from './gtid.js';

const COM = { quit: 0x01, query: 0x03, ping: 0x0e, dump: 0x12, register: 0x15 } as const;

/**
 * A reader stops for good when a heartbeat's position is behind its own idea of it, which comes from the events (they
 * keep their position in the primary's files) or, in other versions, from counting bytes. Only "behind" is checked.
 */
const HEARTBEAT_POSITION = 0xffff_ffff;

class MariadbConversation implements SourceConversation {
  readonly #serverId: number;
  #connectState = '';
  /** Requested by the reader, which gives its source up after slave_net_timeout without a byte. */
  #heartbeatMs = 1_000;

  constructor({ serverId }: { readonly serverId: number }) {
    this.#serverId = serverId;
  }

  answer(payload: Buffer): SourceReply {
    const command = payload[0];
    if (command === COM.query) return this.#query(payload.toString('utf8', 1));
    if (command === COM.register || command === COM.ping) return ok();
    if (command === COM.quit) return { kind: 'quit' };
    if (command === COM.dump) {
      return { kind: 'dump', after: this.#connectState, heartbeatMs: this.#heartbeatMs };
    }
    return refused(`command ${command}`);
  }

  #query(sql: string): SourceReply {
    const rule = RULES.find(([pattern]) => pattern.test(sql));
    const match = rule?.[0].exec(sql);
    return rule && match ? rule[1](this, match) : refused(sql);
  }

  serverIdRow(): SourceReply {
    return row(['Variable_name', 'Value'], ['server_id', String(this.#serverId)]);
  }

  setConnectState(state: string): SourceReply {
    // Checked here, because the rest of the stream relies on it.
    for (const gtid of state.split(',')) if (gtid !== '') parseMariadbGtid(gtid);
    this.#connectState = state;
    return ok();
  }

  setHeartbeat(nanoseconds: number): SourceReply {
    if (nanoseconds > 0) this.#heartbeatMs = Math.max(100, nanoseconds / 1e6);
    return ok();
  }
}

const RULES: [RegExp, (self: MariadbConversation, match: RegExpExecArray) => SourceReply][] = [
  [/^SELECT UNIX_TIMESTAMP\(\)/i, () => row(['UNIX_TIMESTAMP()'], [String(Math.floor(Date.now() / 1000))])],
  [/^SHOW VARIABLES LIKE 'SERVER_ID'/i, (self) => self.serverIdRow()],
  [/^SELECT @master_binlog_checksum/i, () => row(['@master_binlog_checksum'], ['CRC32'])],
  [/^SELECT @@GLOBAL\.gtid_domain_id/i, () => row(['@@GLOBAL.gtid_domain_id'], ['0'])],
  [/^SET @slave_connect_state\s*=\s*'([^']*)'/i, (self, match) => self.setConnectState(match[1] ?? '')],
  [/^SET @master_heartbeat_period\s*=\s*(\d+)/i, (self, match) => self.setHeartbeat(Number(match[1]))],
  // Sent by an IO thread that reconnects: its client library restores the session's character set.
  [/^SET NAMES\b/i, () => ok()],
  [
    /^SET @(master_binlog_checksum|mariadb_slave_capability|slave_gtid_strict_mode|slave_gtid_ignore_duplicates)\b/i,
    () => ok(),
  ],
];

/** The GTIDs that a stream begins after; also how a file of the log begins. */
function gtidListEvent(serverId: number, entries: readonly Uint8Array[]): Buffer {
  const count = Buffer.alloc(4);
  count.writeUInt32LE(entries.length);
  const body = Buffer.concat([count, ...entries]);
  return buildEvent({ type: MARIADB_EVENT.gtidList, serverId, flags: FLAG_ARTIFICIAL, body });
}

export const mariadbSource: SourceSide = {
  serverVersion: '5.5.5-10.11.0-MariaDB-skein-log',
  conversation: (options) => new MariadbConversation(options),
  login: nativePassword,
  beginEvent: (serverId, after) =>
    gtidListEvent(serverId, after === '' ? [] : [encodeMariadbGtid(parseMariadbGtid(after))]),
  heartbeatEvent: (serverId, { file }) =>
    buildEvent({
      ...{ type: EVENT.heartbeat, serverId, endPosition: HEARTBEAT_POSITION, body: Buffer.from(file) },
    }),
};
