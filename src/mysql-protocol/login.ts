import { createHash, timingSafeEqual } from 'node:crypto';
import { SkeinError } from '../model/error.js';

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
  pluginAuth: 0x80000,
} as const;

const CLIENT_CAPABILITIES =
  CAPABILITY.longPassword |
  CAPABILITY.longFlag |
  CAPABILITY.protocol41 |
  CAPABILITY.transactions |
  CAPABILITY.secureConnection |
  CAPABILITY.pluginAuth;

export const NATIVE_PASSWORD = 'mysql_native_password';
/** utf8 general; the conversation is ASCII anyway. */
const CHARSET = 33;
const NONCE_SIZE = 20;

const sha1 = (...parts: Uint8Array[]): Buffer => {
  const hash = createHash('sha1');
  for (const part of parts) hash.update(part);
  return hash.digest();
};

function xor(a: Buffer, b: Buffer): Buffer {
  return Buffer.from(a.map((byte, i) => byte ^ (b[i] ?? 0)));
}

/** The 20-byte answer of mysql_native_password: SHA1(password) XOR SHA1(nonce + SHA1(SHA1(password))). */
export function nativePasswordAnswer(password: string, nonce: Buffer): Buffer {
  const stage1 = sha1(Buffer.from(password));
  return xor(stage1, sha1(nonce, sha1(stage1)));
}

/** Compares in constant time. */
export function nativePasswordMatches(password: string, nonce: Buffer, answer: Buffer): boolean {
  const expected = nativePasswordAnswer(password, nonce);
  return answer.length === expected.length && timingSafeEqual(answer, expected);
}

export interface Greeting {
  serverVersion: string;
  connectionId: number;
  nonce: Buffer;
  plugin: string;
}

/** @throws SkeinError UNKNOWN_GREETING */
export function decodeGreeting(payload: Buffer): Greeting {
  if (payload[0] !== 10) {
    throw new SkeinError('UNKNOWN_GREETING', `The server greets with protocol ${payload[0]}, not 10.`);
  }
  const versionEnd = payload.indexOf(0, 1);
  const at = versionEnd + 1;
  const nonce = Buffer.concat([payload.subarray(at + 4, at + 12), payload.subarray(at + 31, at + 43)]);
  const pluginEnd = payload.indexOf(0, at + 44);
  return {
    serverVersion: payload.toString('latin1', 1, versionEnd),
    connectionId: payload.readUInt32LE(at),
    nonce,
    plugin: payload.toString('latin1', at + 44, pluginEnd < 0 ? payload.length : pluginEnd),
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

/** HandshakeResponse41 with mysql_native_password. `maxPacket` in bytes. */
export function encodeLogin(user: string, answer: Buffer, maxPacket = 0x40000000): Buffer {
  const head = Buffer.alloc(32);
  head.writeUInt32LE(CLIENT_CAPABILITIES, 0);
  head.writeUInt32LE(maxPacket, 4);
  head[8] = CHARSET;
  return Buffer.concat([
    head,
    Buffer.from(`${user}\0`),
    Buffer.from([answer.length]),
    answer,
    Buffer.from(`${NATIVE_PASSWORD}\0`),
  ]);
}

/**
 * What a client sends after the server's reply to its login packet: null when the login is done. Whoever listens there may
 * name any method: all but this one would send the password itself, or a weaker hash of it, to a server that has proved
 * nothing.
 * @param reply  a payload that is no error packet
 * @throws SkeinError SERVER_AUTH_PLUGIN
 */
export function answerLoginReply(reply: Buffer, password: string): Buffer | null {
  if (reply[0] === 0) return null;
  if (reply[0] !== 0xfe)
    throw new SkeinError('SERVER_AUTH_PLUGIN', 'The reply to the login is not understood.');
  const end = reply.indexOf(0, 1);
  const plugin = end < 0 ? 'mysql_old_password' : reply.toString('latin1', 1, end);
  if (plugin !== NATIVE_PASSWORD) throw authPluginRefused(plugin);
  const nonce = reply.subarray(end + 1, end + 1 + NONCE_SIZE);
  if (nonce.length < NONCE_SIZE) throw authPluginRefused(`${plugin} with a short nonce`);
  return nativePasswordAnswer(password, nonce);
}

export function authPluginRefused(plugin: string, cause?: unknown): SkeinError {
  return new SkeinError(
    'SERVER_AUTH_PLUGIN',
    `The database server asks for the login method ${JSON.stringify(plugin)}. Skein answers ${NATIVE_PASSWORD} only, which its own accounts have: either the account was changed, or another program listens in the server's place.`,
    { cause },
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
