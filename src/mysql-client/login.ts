/** Connects to a server and logs in, by the method that the managed accounts have. No TLS. */
import { SkeinError } from '../model/error.js';
import {
  answerLoginReply,
  CAPABILITY,
  decodeGreeting,
  encodeLogin,
  type LoginProof,
  MARIADB_CAPABILITY,
} from '../mysql-protocol/login.js';
import { type LoginMethod, nativePassword } from '../mysql-protocol/login-method.js';
import { isErr, PacketSplitter, packet } from '../mysql-protocol/packets.js';
import { decodeError } from './replies.js';
import { type Address, openWire, type Wire } from './wire.js';

/** From the connect to the end of the login. */
const CONNECT_TIMEOUT_MS = 5000;

/**
 * Left out on purpose: CLIENT_LOCAL_FILES (so the server refuses LOAD DATA LOCAL), CLIENT_FOUND_ROWS (affected rows are
 * changed rows), and CLIENT_IGNORE_SPACE (it would be stored in the sql_mode of each routine that is created).
 * CLIENT_DEPRECATE_EOF: rows end with an OK packet, which also names session variables that have changed.
 */
const CAPABILITIES =
  CAPABILITY.multiResults | CAPABILITY.psMultiResults | CAPABILITY.sessionTrack | CAPABILITY.deprecateEof;

export interface ConnectionOptions {
  readonly address: Address;
  readonly user: string;
  readonly password: string;
  /** Default: mysql_native_password. */
  readonly method?: LoginMethod;
  /** The default database. */
  readonly database?: string | undefined;
  /** The server leaves out the columns of a kept statement while it is the one that was prepared, if it can. */
  readonly cacheMetadata?: boolean;
  /** One text may contain several statements. Not for a session that executes texts of clients. */
  readonly multiStatements?: boolean;
  readonly connectTimeoutMs?: number;
}

export interface LoggedIn {
  readonly wire: Wire;
  /** The server's id of the session. */
  readonly threadId: number;
  readonly version: string;
  /** Column definitions have MariaDB's extended metadata. */
  readonly extendedMetadata: boolean;
  /** The header of each result says whether column definitions follow. */
  readonly cacheMetadata: boolean;
}

/**
 * @param made  called right after the login; from then on the events of the socket are its own
 * @throws SkeinError SERVER_CONNECTION (not reachable, cut off during the login), SERVER_AUTH_PLUGIN, UNKNOWN_GREETING
 * @throws ServerError the server's own refusal (access denied, too many connections)
 */
export function logIn<T>(options: ConnectionOptions, made: (loggedIn: LoggedIn) => T): Promise<T> {
  return new Promise((resolve, reject) => {
    const wire = openWire(options.address);
    const { socket } = wire;
    const splitter = new PacketSplitter();
    const proof = proofOf(options);
    let loggedIn: LoggedIn | null = null;
    const fail = (error: Error) => {
      clearTimeout(timer);
      socket.destroy();
      reject(error);
    };
    const lost = (cause: Error) =>
      fail(new SkeinError('SERVER_CONNECTION', `The server cannot be reached: ${cause.message}.`, { cause }));
    const timeoutMs = options.connectTimeoutMs ?? CONNECT_TIMEOUT_MS;
    const timer = setTimeout(() => lost(new Error(`no login within ${timeoutMs} ms`)), timeoutMs);
    socket.on('error', lost);
    socket.on('close', () => lost(new Error('it closed the connection')));
    const take = (payload: Buffer) => {
      if (isErr(payload)) throw decodeError(payload);
      if (loggedIn === null) {
        const { login, ...greeted } = answerGreeting(payload, options);
        loggedIn = { wire, ...greeted };
        socket.write(packet(splitter.sequence + 1, login));
        return;
      }
      const answer = answerLoginReply(payload, proof);
      if (answer === 'wait') return;
      if (answer !== 'done') {
        socket.write(packet(splitter.sequence + 1, answer));
        return;
      }
      clearTimeout(timer);
      socket.removeAllListeners();
      resolve(made(loggedIn));
    };
    wire.onRead((chunk) => {
      try {
        splitter.push(chunk);
        for (let payload = splitter.next(); payload; payload = splitter.next()) take(payload);
      } catch (error) {
        fail(error instanceof Error ? error : new Error(String(error)));
      }
    });
  });
}

function proofOf({ address, password, method = nativePassword }: ConnectionOptions): LoginProof {
  return { method, password, isPrivate: 'socketPath' in address };
}

function answerGreeting(
  payload: Buffer,
  {
    user,
    password,
    method = nativePassword,
    database,
    multiStatements = false,
    cacheMetadata = false,
  }: ConnectionOptions,
): Omit<LoggedIn, 'wire'> & { readonly login: Buffer } {
  const { serverVersion, connectionId, nonce, mariadbCapabilities } = decodeGreeting(payload);
  const wanted = MARIADB_CAPABILITY.extendedMetadata | (cacheMetadata ? MARIADB_CAPABILITY.cacheMetadata : 0);
  const common = mariadbCapabilities & wanted;
  return {
    threadId: connectionId,
    version: serverVersion,
    extendedMetadata: (common & MARIADB_CAPABILITY.extendedMetadata) !== 0,
    cacheMetadata: (common & MARIADB_CAPABILITY.cacheMetadata) !== 0,
    login: encodeLogin(user, {
      method,
      answer: method.answer(password, nonce),
      capabilities: CAPABILITIES | (multiStatements ? CAPABILITY.multiStatements : 0),
      mariadbCapabilities: common,
      database,
    }),
  };
}
