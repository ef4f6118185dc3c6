import { CAPABILITY } from '../mysql-protocol/login.js';
import { PACKET_HEADER_SIZE, packet } from '../mysql-protocol/packets.js';

/** Whom a client's KILL means. */
export type Kill =
  | { readonly kind: 'session'; readonly id: number }
  | { readonly kind: 'query'; readonly queryId: number }
  /** A user, an expression: could be anyone. */
  | { readonly kind: 'any' }
  /** To be executed whenever the client likes: nothing can be said about that moment. */
  | { readonly kind: 'prepared' };

const COM_QUERY = 0x03;
const COM_PROCESS_KILL = 0x0c;
const COM_STMT_PREPARE = 0x16;
/** MySQL's second compression. */
const ZSTD_COMPRESSION = 0x0400_0000;
/** A KILL longer than this hides from us; so does one behind another statement. */
const KILL_BYTES_MAX = 1024;
const SEQUENCE_LAST = 255;

/** White space, comments, and the opening of an executable comment. */
const LEADING = '(?:\\s|--\\s[^\\n]*\\n|#[^\\n]*\\n|/\\*M?!\\d*|/\\*(?!M?!)[\\s\\S]*?\\*/|\\()*';
const KILL = new RegExp(`^${LEADING}KILL\\b`, 'i');
const KILL_NUMBER = new RegExp(
  `^${LEADING}KILL\\s+(?:(?:HARD|SOFT)\\s+)?(?:(?:CONNECTION|QUERY)\\s+)?(ID\\s+)?(\\d{1,15})\\s*;?\\s*$`,
  'i',
);

/**
 * Follows the borders of a client's packets, four bytes each, to find those that begin with KILL; everything else is
 * skipped unseen. On a connection with TLS or compression there is nothing to follow: then it finds nothing.
 */
export class CommandScan {
  #blind = false;
  #loggedIn = false;
  /** Bytes of the present packet that have not come yet. */
  #rest = 0;
  #sequence = 0;
  /** What was found, when `find` did not return -1; null = the bytes end before that can be said. */
  kill: Kill | null = null;
  /** Length of the found packet with its header. */
  killSize = 0;

  /**
   * -1: all of it may pass. Otherwise the offset of a packet that must not pass yet; call again with the bytes from
   * there on (and what follows them), after `pass()` if `kill` was judged.
   */
  find(bytes: Buffer): number {
    if (this.#blind) return -1;
    const size = bytes.length;
    let at = this.#rest;
    if (at >= size) {
      this.#rest = at - size;
      return -1;
    }
    while (at < size) {
      if (size - at < PACKET_HEADER_SIZE) return this.#incomplete(at);
      const length = (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8) | ((bytes[at + 2] ?? 0) << 16);
      const sequence = bytes[at + 3] ?? 0;
      const body = at + PACKET_HEADER_SIZE;
      if (!this.#loggedIn) {
        if (size - body < 4) return this.#incomplete(at);
        this.#loggedIn = true;
        const hides = CAPABILITY.ssl | CAPABILITY.compress | ZSTD_COMPRESSION;
        if ((bytes.readUInt32LE(body) & hides) !== 0) {
          this.#blind = true;
          return -1;
        }
      } else if (sequence === 0 && this.#sequence !== SEQUENCE_LAST && length > 1) {
        // (After 255 it is the next piece of a local file.)
        if (size - body < 2) return this.#incomplete(at);
        if (mayKill(bytes[body] ?? 0, bytes[body + 1] ?? 0, length)) {
          if (size - body < length) return this.#incomplete(at);
          this.kill = killIn(bytes.subarray(body, body + length));
          this.killSize = PACKET_HEADER_SIZE + length;
          if (this.kill) {
            this.#rest = 0;
            return at;
          }
        }
      }
      this.#sequence = sequence;
      at = body + length;
    }
    this.#rest = at - size;
    return -1;
  }

  /** The found packet was dealt with; the next bytes are what follows it. */
  pass(): void {
    this.#sequence = 0;
    this.kill = null;
  }

  #incomplete(at: number): number {
    this.kill = null;
    this.#rest = 0;
    return at;
  }
}

/** By the command and its next byte; nearly every statement ends here. */
function mayKill(command: number, next: number, length: number): boolean {
  if (command === COM_PROCESS_KILL) return length === 5;
  if ((command !== COM_QUERY && command !== COM_STMT_PREPARE) || length > KILL_BYTES_MAX) return false;
  // k K, white space, and what opens a comment: / - # (
  return (
    (next | 0x20) === 0x6b || next <= 0x20 || next === 0x2f || next === 0x2d || next === 0x23 || next === 0x28
  );
}

function killIn(payload: Buffer): Kill | null {
  if (payload[0] === COM_PROCESS_KILL) return { kind: 'session', id: payload.readUInt32LE(1) };
  const text = payload.toString('latin1', 1);
  if (!KILL.test(text)) return null;
  if (payload[0] === COM_STMT_PREPARE) return { kind: 'prepared' };
  const [, isQueryId, number] = KILL_NUMBER.exec(text) ?? [];
  if (number === undefined) return { kind: 'any' };
  return isQueryId ? { kind: 'query', queryId: Number(number) } : { kind: 'session', id: Number(number) };
}

const ER_KILL_DENIED_ERROR = 1095;
/** More does not fit into MySQL's MESSAGE_TEXT. */
const MESSAGE_MAX = 128;

/**
 * A statement that fails with this message, to be sent in place of the client's: so the error comes from the server
 * itself, in its turn and in the form that this connection speaks. `message` is ours and plain ASCII.
 */
export function failingStatement(message: string): Buffer {
  const text = message.slice(0, MESSAGE_MAX).replaceAll("'", '').replaceAll('\\', '');
  const sql = `SIGNAL SQLSTATE 'HY000' SET MYSQL_ERRNO = ${ER_KILL_DENIED_ERROR}, MESSAGE_TEXT = '${text}'`;
  return packet(0, Buffer.concat([Buffer.from([COM_QUERY]), Buffer.from(sql, 'latin1')]));
}
