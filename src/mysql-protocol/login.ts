import { SkeinError } from '../model/error.js';
import { type LoginMethod, nativePassword } from './login-method.js';
import { PacketReader } from './packet-reader.js';

/** Capability bits (protocol documentation, "Capabilities Flags"). */
export const CAPABILITY = {
  longPassword: 0x1,
  longFlag: 0x4,
  connectWithDb: 0x8,
  compress: 0x20,
  protocol41: 0x200,
  ssl: 0x800,
  transactions: 0x2000,
  secureConnection: 0x8000,
  multiStatements: 0x10000,
  multiResults: 0x20000,
  psMultiResults: 0x40000,
  pluginAuth: 0x80000,
  sessionTrack: 0x800000,
  deprecateEof: 0x1000000,
} as const;

/** MariaDB's own capabilities are in a separate field; the server has it when bit 0 of the others (CLIENT_MYSQL) is not set. */
export const MARIADB_CAPABILITY = {
  extendedMetadata: 0x8,
  /** Columns of a kept statement are sent only when they may have changed (since 10.6). */
  cacheMetadata: 0x10,
} as const;

/** Capabilities of all our clients. */
const LOGIN_CAPABILITIES =
  CAPABILITY.longFlag |
  CAPABILITY.protocol41 |
  CAPABILITY.transactions |
  CAPABILITY.secureConnection |
  CAPABILITY.pluginAuth;

/** utf8mb4_general_ci: known to every server; texts go and come in utf8mb4. */
const UTF8MB4 = 45;
/** Bytes; the most that a server takes (max_allowed_packet). */
const PACKET_MAX = 0x40000000;
const NONCE_SIZE = 20;

export interface Greeting {
  serverVersion: string;
  connectionId: number;
  nonce: Buffer;
  plugin: string;
}

/** @throws SkeinError UNKNOWN_GREETING; RangeError when it is cut short */
export function decodeGreeting(
  payload: Buffer,
): Greeting & { readonly capabilities: number; readonly mariadbCapabilities: number } {
  const reader = new PacketReader(payload);
  const protocol = reader.u8();
  if (protocol !== 10) {
    throw new SkeinError('UNKNOWN_GREETING', `The server greets with protocol ${protocol}, not 10.`);
  }
  const serverVersion = reader.zeroText();
  const connectionId = reader.u32();
  const first = reader.slice(8);
  reader.skip(1);
  const low = reader.u16();
  // Character set and status.
  reader.skip(3);
  const capabilities = low | (reader.u16() << 16);
  const nonceSize = reader.u8();
  reader.skip(6);
  const ownWord = reader.u32();
  const second = reader.slice(Math.max(12, nonceSize - 9));
  reader.skip(1);
  return {
    serverVersion,
    connectionId,
    nonce: Buffer.concat([first, second]).subarray(0, NONCE_SIZE),
    plugin: reader.remaining > 0 ? reader.zeroText() : nativePassword.plugin,
    capabilities,
    mariadbCapabilities: (capabilities & CAPABILITY.longPassword) === 0 ? ownWord : 0,
  };
}

export function encodeGreeting(greeting: Greeting, capabilities: number): Buffer {
  const version = Buffer.from(`${greeting.serverVersion}\0`, 'latin1');
  const body = Buffer.alloc(4 + 8 + 1 + 2 + 1 + 2 + 2 + 1 + 10 + 12 + 1);
  body.writeUInt32LE(greeting.connectionId, 0);
  greeting.nonce.copy(body, 4, 0, 8);
  body.writeUInt16LE(capabilities & 0xffff, 13);
  body[15] = 8; // latin1, what real servers send
  body.writeUInt16LE(2, 16); // autocommit
  body.writeUInt16LE(capabilities >>> 16, 18);
  body[20] = NONCE_SIZE + 1;
  greeting.nonce.copy(body, 31, 8, NONCE_SIZE);
  return Buffer.concat([Buffer.from([10]), version, body, Buffer.from(`${greeting.plugin}\0`, 'latin1')]);
}

export interface LoginOptions {
  readonly method: LoginMethod;
  /** The answer to the nonce. */
  readonly answer: Buffer;
  /** In addition to those of all our clients. */
  readonly capabilities?: number;
  readonly mariadbCapabilities?: number;
  /** The default database. */
  readonly database?: string | undefined;
}

/** HandshakeResponse41. */
export function encodeLogin(
  user: string,
  { method, answer, capabilities = 0, mariadbCapabilities = 0, database }: LoginOptions,
): Buffer {
  const withDatabase = database === undefined ? 0 : CAPABILITY.connectWithDb;
  const head = Buffer.alloc(32);
  head.writeUInt32LE((LOGIN_CAPABILITIES | capabilities | withDatabase) >>> 0, 0);
  head.writeUInt32LE(PACKET_MAX, 4);
  head[8] = UTF8MB4;
  head.writeUInt32LE(mariadbCapabilities, 28);
  return Buffer.concat([
    head,
    Buffer.from(`${user}\0`),
    Buffer.from([answer.length]),
    answer,
    Buffer.from(database === undefined ? '' : `${database}\0`),
    Buffer.from(`${method.plugin}\0`),
  ]);
}

export interface LoginProof {
  readonly method: LoginMethod;
  readonly password: string;
  /** Nobody else can listen on the other side: a unix socket in a directory of Skein's own. */
  readonly isPrivate: boolean;
}

/**
 * What a client sends after the server's reply to its login packet; `wait`: nothing yet; `done`: the login is done. An impostor
 * may ask for any method. All but the one that the account has would send the password itself, or a weaker hash of it, to a
 * server that has not authenticated.
 * @param reply  a payload that is no error packet
 * @throws SkeinError SERVER_AUTH_PLUGIN
 */
export function answerLoginReply(
  reply: Buffer,
  { method, password, isPrivate }: LoginProof,
): Buffer | 'wait' | 'done' {
  if (reply[0] === 0) return 'done';
  if (method.accepted?.equals(reply)) return 'wait';
  if (method.wantsPassword?.equals(reply)) {
    if (isPrivate) return Buffer.from(`${password}\0`);
    throw authPluginRefused(method, `${method.plugin} with the password itself`);
  }
  if (reply[0] !== 0xfe)
    throw new SkeinError('SERVER_AUTH_PLUGIN', 'The reply to the login is not understood.');
  const end = reply.indexOf(0, 1);
  const plugin = end < 0 ? 'mysql_old_password' : reply.toString('latin1', 1, end);
  if (plugin !== method.plugin) throw authPluginRefused(method, plugin);
  const nonce = reply.subarray(end + 1, end + 1 + NONCE_SIZE);
  if (nonce.length < NONCE_SIZE) throw authPluginRefused(method, `${plugin} with a short nonce`);
  return method.answer(password, nonce);
}

function authPluginRefused(method: LoginMethod, plugin: string): SkeinError {
  return new SkeinError(
    'SERVER_AUTH_PLUGIN',
    `The database server asks for the login method ${JSON.stringify(plugin)}. Skein answers ${method.plugin} only, which its own accounts have: either the account was changed, or another program listens in the server's place.`,
  );
}

export interface Login {
  user: string;
  answer: Buffer;
}

/** Reads what a server's IO thread (or any client) logs in with. @throws SkeinError BAD_LOGIN */
export function decodeLogin(payload: Buffer): Login {
  const userEnd = payload.indexOf(0, 32);
  const answerSize = payload[userEnd + 1];
  if (payload.length < 34 || userEnd < 0 || answerSize === undefined) {
    throw new SkeinError('BAD_LOGIN', 'The login packet is cut short.');
  }
  return {
    user: payload.toString('utf8', 32, userEnd),
    answer: payload.subarray(userEnd + 2, userEnd + 2 + answerSize),
  };
}
