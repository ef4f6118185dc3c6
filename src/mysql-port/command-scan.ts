import { ERRNO } from '../mysql-protocol/errno.js';
import { PACKET_HEADER_SIZE, packet } from '../mysql-protocol/packets.js';
import { type Kill, killIn } from './kill-text.js';

const COM = {
  query: 0x03,
  processKill: 0x0c,
  changeUser: 0x11,
  stmtPrepare: 0x16,
  setOption: 0x1b,
  resetConnection: 0x1f,
} as const;

/** Longer statements are not inspected: a connection buffers at most this much until its statement is complete. */
export const STATEMENT_BYTES_MAX = 64 * 1024;
const SEQUENCE_LAST = 255;
const SEMICOLON = 0x3b;
/** COM_SET_OPTION 0 switches several statements in one text on, 1 off. */
const MULTI_STATEMENTS_ON = 0;

/** What a port inspects before it passes a command on. */
export interface ScanOptions {
  readonly kills: boolean;
  /** COM_RESET_CONNECTION and COM_CHANGE_USER, and the command after it. */
  readonly resets: boolean;
  /** Whether the client's login allows several statements in one text. */
  readonly multi: boolean;
}

export type Found =
  /** A KILL, which must be judged. */
  | { readonly kind: 'kill'; readonly kill: Kill }
  /** The session was reset: its settings must be restored before this command. */
  | { readonly kind: 'after-reset' };

/**
 * Follows the borders of a client's packets, four bytes each, from the first command on. It skips commands that the port
 * does not inspect. Only for connections after the login, without TLS and compression.
 */
export class CommandScan {
  readonly #options: ScanOptions;
  #multi: boolean;
  /** Bytes of the current packet that have not arrived yet. */
  #rest = 0;
  /** Sequence number of the previous packet. */
  #sequence = 0;
  #length = 0;
  #wasReset = false;
  /** The command found, when `find` did not return -1; null = more bytes are needed. */
  found: Found | null = null;
  /** Length of the found packet with its header, or the number of bytes needed to identify it. */
  size = 0;

  constructor(options: ScanOptions) {
    this.#options = options;
    this.#multi = options.multi;
  }

  /**
   * -1: all of it may pass. Otherwise the offset of a packet that must not pass yet; call again with the bytes from
   * there on (and what follows them): when `size` of them are there, or after `pass()` or `resume()` if something was found.
   */
  find(bytes: Buffer): number {
    this.found = null;
    const size = bytes.length;
    let at = this.#rest;
    if (at >= size) {
      this.#rest = at - size;
      return -1;
    }
    while (at < size) {
      if (size - at < PACKET_HEADER_SIZE) return this.#incomplete(at, PACKET_HEADER_SIZE);
      const length = (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8) | ((bytes[at + 2] ?? 0) << 16);
      const sequence = bytes[at + 3] ?? 0;
      const body = at + PACKET_HEADER_SIZE;
      if (sequence === 0 && length > 0 && !this.#isPieceOfFile()) {
        // The command, and the four letters that its text begins with.
        const needed = Math.min(length, 5);
        if (size - body < needed) return this.#incomplete(at, PACKET_HEADER_SIZE + needed);
        if (this.#wasReset) return this.#hold(at, { kind: 'after-reset' }, 0);
        if (this.#options.kills && this.#mayKill(bytes, body, length)) {
          if (size - body < length) return this.#incomplete(at, PACKET_HEADER_SIZE + length);
          const kill = this.#killIn(bytes.subarray(body, body + length));
          if (kill) return this.#hold(at, { kind: 'kill', kill }, PACKET_HEADER_SIZE + length);
        }
        this.#note(bytes, body, length);
      }
      this.#sequence = sequence;
      this.#length = length;
      at = body + length;
    }
    this.#rest = at - size;
    return -1;
  }

  /** The found packet was handled; the next bytes come after it. */
  pass(): void {
    this.#sequence = 0;
    this.#length = this.size - PACKET_HEADER_SIZE;
    this.found = null;
  }

  /** The settings are restored after a reset; the next bytes are the held command, which is inspected as usual. */
  resume(): void {
    this.#wasReset = false;
    this.found = null;
  }

  /** Pieces of a local file count on from the command's number, past 255 to 0; an empty one is the last. */
  #isPieceOfFile(): boolean {
    return this.#sequence === SEQUENCE_LAST && this.#length > 0;
  }

  #note(bytes: Buffer, body: number, length: number): void {
    const command = bytes[body];
    if (command === COM.setOption && length === 3) this.#multi = bytes[body + 1] === MULTI_STATEMENTS_ON;
    else if (command === COM.resetConnection || command === COM.changeUser)
      this.#wasReset = this.#options.resets;
  }

  /** Decides by the command and its first letters, which is enough for nearly every statement. */
  #mayKill(bytes: Buffer, body: number, length: number): boolean {
    const command = bytes[body];
    if (command === COM.processKill) return length === 5;
    if (command !== COM.query && command !== COM.stmtPrepare) return false;
    if (length < 5 || length > STATEMENT_BYTES_MAX) return false;
    if (mayLeadToKill(bytes, body + 1)) return true;
    if (!this.#multi || command !== COM.query) return false;
    // The KILL may follow another statement, so the whole text is needed.
    return bytes.length - body < length || bytes.subarray(body, body + length).includes(SEMICOLON);
  }

  #killIn(payload: Buffer): Kill | null {
    if (payload[0] === COM.processKill) return { kind: 'session', id: payload.readUInt32LE(1) };
    const multi = this.#multi && payload[0] === COM.query;
    const kill = killIn(payload.toString('latin1', 1), { multi });
    return kill && payload[0] === COM.stmtPrepare ? { kind: 'later' } : kill;
  }

  #incomplete(at: number, needed: number): number {
    this.size = needed;
    this.#rest = 0;
    return at;
  }

  #hold(at: number, found: Found, size: number): number {
    this.found = found;
    this.size = size;
    this.#rest = 0;
    return at;
  }
}

/** First words of statements that may be or hold a KILL, four letters each; ? stands for any other character. */
const LEADS = new Set([...'kill begi case loop repe whil decl exec prep'.split(' ')].map(numberOf));
const SHORT_LEADS = new Set(['set', 'for'].map((word) => numberOf(`${word} `) >>> 8));
const IF = numberOf('if  ') >>> 16;

function numberOf(word: string): number {
  return Buffer.from(word, 'latin1').readUInt32BE();
}

/** White space, comments, parentheses, or one of the words above. */
function mayLeadToKill(bytes: Buffer, at: number): boolean {
  const first = bytes[at] ?? 0;
  const isLetter = (first | 0x20) >= 0x61 && (first | 0x20) <= 0x7a;
  if (!isLetter) return first !== 0x60;
  // Lower-cases ASCII letters. Other bytes may change too, which at worst causes a closer inspection.
  const four = ((bytes.readUInt32BE(at) | 0x20202020) & 0xffffffff) >>> 0;
  return LEADS.has(four) || SHORT_LEADS.has(four >>> 8) || four >>> 16 === IF;
}

/** Limit of MySQL's MESSAGE_TEXT. */
const MESSAGE_MAX = 128;

/**
 * A statement that fails with this message, to be sent in place of the client's: so the error comes from the server
 * itself, in its turn and in the form that this connection speaks. `message` is ours and plain ASCII.
 */
export function failingStatement(message: string): Buffer {
  const text = message.slice(0, MESSAGE_MAX).replaceAll("'", '').replaceAll('\\', '');
  return query(`SIGNAL SQLSTATE 'HY000' SET MYSQL_ERRNO = ${ERRNO.killDenied}, MESSAGE_TEXT = '${text}'`);
}

/** A statement of ours, as a client would send it. */
export function query(sql: string): Buffer {
  return packet(0, Buffer.concat([Buffer.from([COM.query]), Buffer.from(sql, 'latin1')]));
}
