/**
 * The client's side of the login. Only mysql_native_password is spoken: it is what the managed accounts have,
 * and it never sends the password itself.
 */
import { SkeinError } from '../model/error.js';
import { NATIVE_PASSWORD, nativePasswordAnswer } from '../mysql-protocol/login.js';
import { PacketReader } from './packet.js';
import { decodeError } from './replies.js';

const CLIENT = {
  longFlag: 1 << 2,
  protocol41: 1 << 9,
  transactions: 1 << 13,
  secureConnection: 1 << 15,
  multiResults: 1 << 17,
  psMultiResults: 1 << 18,
  pluginAuth: 1 << 19,
  sessionTrack: 1 << 23,
  deprecateEof: 1 << 24,
} as const;

/** In MariaDB's own capability word, which is there only while CLIENT_MYSQL (bit 0) is not set. */
const MARIADB_EXTENDED_METADATA = 1 << 3;

/** utf8mb4_general_ci: known to every server; the answer's texts come back in utf8mb4. */
const UTF8MB4 = 45;

/**
 * What is left out matters: no CLIENT_LOCAL_FILES (LOAD DATA LOCAL is refused by the server itself), no
 * CLIENT_MULTI_STATEMENTS (one text is one statement), no CLIENT_FOUND_ROWS (affected rows are changed rows).
 * CLIENT_DEPRECATE_EOF: rows end with an OK packet, which tells of changed session variables as well.
 */
const CAPABILITIES =
  CLIENT.longFlag |
  CLIENT.protocol41 |
  CLIENT.transactions |
  CLIENT.secureConnection |
  CLIENT.multiResults |
  CLIENT.psMultiResults |
  CLIENT.pluginAuth |
  CLIENT.sessionTrack |
  CLIENT.deprecateEof;

export interface Greeting {
  readonly version: string;
  readonly threadId: number;
  readonly scramble: Buffer;
  readonly plugin: string;
  readonly extendedMetadata: boolean;
}

/** @throws ServerError when the server greets with an error (too many connections ...) */
export function decodeGreeting(payload: Buffer): Greeting {
  if (payload[0] === 0xff) throw decodeError(payload);
  const reader = new PacketReader(payload);
  const protocol = reader.u8();
  if (protocol !== 10)
    throw new SkeinError('SERVER_PROTOCOL', `The server speaks protocol ${protocol}, not 10.`);
  const version = reader.zeroText();
  const threadId = reader.u32();
  const first = Buffer.from(reader.slice(8));
  reader.skip(1);
  let capabilities = reader.u16();
  reader.skip(3);
  capabilities |= reader.u16() << 16;
  const scrambleLength = reader.u8();
  reader.skip(6);
  const mariadb = reader.u32();
  const second = Buffer.from(reader.slice(Math.max(12, scrambleLength - 9)));
  reader.skip(1);
  const plugin = reader.remaining > 0 ? reader.zeroText() : NATIVE_PASSWORD;
  return {
    version,
    threadId,
    scramble: Buffer.concat([first, second]).subarray(0, 20),
    plugin,
    extendedMetadata: (capabilities & 1) === 0 && (mariadb & MARIADB_EXTENDED_METADATA) !== 0,
  };
}

export function encodeLogin(greeting: Greeting, user: string, password: string): Buffer {
  const token = nativePasswordAnswer(password, greeting.scramble);
  const head = Buffer.alloc(32);
  head.writeUInt32LE(CAPABILITIES, 0);
  head.writeUInt32LE(0x40000000, 4);
  head[8] = UTF8MB4;
  if (greeting.extendedMetadata) head.writeUInt32LE(MARIADB_EXTENDED_METADATA, 28);
  return Buffer.concat([
    head,
    Buffer.from(`${user}\0`, 'utf8'),
    Buffer.from([token.length]),
    token,
    Buffer.from(`${NATIVE_PASSWORD}\0`, 'latin1'),
  ]);
}
