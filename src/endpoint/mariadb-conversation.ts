import { parseMariadbGtid } from '../mysql-protocol/mariadb-gtid.js';
import { encodeErr, encodeRow, OK_PAYLOAD, packet } from '../mysql-protocol/packets.js';

/**
 * The commands that a MariaDB IO thread sends before it asks for a dump, and a source's answers.
 * Pure: a command's payload in, bytes to send or the request for a dump out.
 */
export type Reply =
  | { kind: 'send'; bytes: Buffer }
  | { kind: 'dump'; connectState: string; heartbeatMs: number }
  | { kind: 'refused'; bytes: Buffer; statement: string }
  | { kind: 'quit' };

const COM = { quit: 0x01, query: 0x03, ping: 0x0e, dump: 0x12, register: 0x15 } as const;

export interface ConversationOptions {
  /** The server id that we show as the source's; never the reader's own. */
  serverId: number;
}

export class MariadbConversation {
  readonly #options: ConversationOptions;
  #connectState = '';
  /** Requested by the reader, which gives its source up after slave_net_timeout without a byte. */
  #heartbeatMs = 1_000;

  constructor(options: ConversationOptions) {
    this.#options = options;
  }

  answer(payload: Buffer): Reply {
    const command = payload[0];
    if (command === COM.query) return this.#query(payload.toString('utf8', 1));
    if (command === COM.register || command === COM.ping) return ok();
    if (command === COM.quit) return { kind: 'quit' };
    if (command === COM.dump) {
      return { kind: 'dump', connectState: this.#connectState, heartbeatMs: this.#heartbeatMs };
    }
    return refused(`command ${command}`);
  }

  #query(sql: string): Reply {
    const rule = RULES.find(([pattern]) => pattern.test(sql));
    const match = rule?.[0].exec(sql);
    return rule && match ? rule[1](this, match) : refused(sql);
  }

  serverIdRow(): Reply {
    return {
      kind: 'send',
      bytes: encodeRow(1, ['Variable_name', 'Value'], ['server_id', String(this.#options.serverId)]),
    };
  }

  setConnectState(state: string): Reply {
    // Checked here, because the rest of the stream relies on it.
    for (const gtid of state.split(',')) if (gtid !== '') parseMariadbGtid(gtid);
    this.#connectState = state;
    return ok();
  }

  setHeartbeat(nanoseconds: number): Reply {
    if (nanoseconds > 0) this.#heartbeatMs = Math.max(100, nanoseconds / 1e6);
    return ok();
  }
}

const RULES: [RegExp, (self: MariadbConversation, match: RegExpExecArray) => Reply][] = [
  [/^SELECT UNIX_TIMESTAMP\(\)/i, () => row('UNIX_TIMESTAMP()', String(Math.floor(Date.now() / 1000)))],
  [/^SHOW VARIABLES LIKE 'SERVER_ID'/i, (self) => self.serverIdRow()],
  [/^SELECT @master_binlog_checksum/i, () => row('@master_binlog_checksum', 'CRC32')],
  [/^SELECT @@GLOBAL\.gtid_domain_id/i, () => row('@@GLOBAL.gtid_domain_id', '0')],
  [/^SET @slave_connect_state\s*=\s*'([^']*)'/i, (self, match) => self.setConnectState(match[1] ?? '')],
  [/^SET @master_heartbeat_period\s*=\s*(\d+)/i, (self, match) => self.setHeartbeat(Number(match[1]))],
  // Sent by an IO thread that reconnects: its client library restores the session's character set.
  [/^SET NAMES\b/i, () => ok()],
  [
    /^SET @(master_binlog_checksum|mariadb_slave_capability|slave_gtid_strict_mode|slave_gtid_ignore_duplicates)\b/i,
    () => ok(),
  ],
];

function row(column: string, value: string): Reply {
  return { kind: 'send', bytes: encodeRow(1, [column], [value]) };
}

function ok(): Reply {
  return { kind: 'send', bytes: packet(1, OK_PAYLOAD) };
}

function refused(statement: string): Reply {
  const message =
    'This is the replication endpoint of a Skein node; it answers only the commands of a replica.';
  return {
    kind: 'refused',
    statement: statement.slice(0, 200),
    bytes: packet(1, encodeErr({ errno: 1235, sqlState: '42000', message })),
  };
}
