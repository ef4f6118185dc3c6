import { CAPABILITY } from '../mysql-protocol/login.js';
import { PACKET_HEADER_SIZE } from '../mysql-protocol/packets.js';

/** MySQL's second compression. */
const ZSTD_COMPRESSION = 0x0400_0000;
const GREETING_PROTOCOL = 10;
/** The thread id follows the version text of a greeting; no server's version text is longer. */
const GREETING_HEAD_MAX = 128;
const ANSWER = { ok: 0x00, error: 0xff } as const;

/**
 * - `before`: the login is not complete.
 * - `in`: the server has said OK, and commands follow.
 * - `hidden`: TLS begins; from here on the port sees nothing, not even the login.
 */
export type LoginState = 'before' | 'in' | 'hidden';

/**
 * Follows the packets of both ends until the server has let the client in, by their headers and first bytes. Pure.
 * Until then no command is looked for, and none may come.
 */
export class LoginWatch {
  #state: LoginState = 'before';
  #threadId: number | null = null;
  #capabilities: number | null = null;
  readonly #fromServer = new Heads(GREETING_HEAD_MAX);
  readonly #fromClient = new Heads(4);
  #greeted = false;

  get state(): LoginState {
    return this.#state;
  }

  /** The server's thread id of the session, from its greeting; null = it did not greet. */
  get threadId(): number | null {
    return this.#threadId;
  }

  /** Whether what follows the login is compressed. */
  get compressed(): boolean {
    return this.#has(CAPABILITY.compress | ZSTD_COMPRESSION);
  }

  get multiStatements(): boolean {
    return this.#has(CAPABILITY.multiStatements);
  }

  #has(bits: number): boolean {
    return ((this.#capabilities ?? 0) & bits) !== 0;
  }

  server(chunk: Buffer): void {
    if (this.#state !== 'before') return;
    this.#fromServer.take(chunk, (_sequence, head) => {
      if (!this.#greeted) {
        this.#greeted = true;
        this.#threadId = threadIdIn(head);
      } else if (this.#capabilities !== null && head[0] === ANSWER.ok) {
        this.#state = 'in';
        return false;
      }
      return true;
    });
  }

  /** Null: the bytes may pass. Otherwise why this is not a MySQL client that logs in. */
  client(chunk: Buffer): string | null {
    if (this.#state !== 'before') return null;
    let wrong: string | null = null;
    this.#fromClient.take(chunk, (sequence, head) => {
      if (this.#capabilities === null) {
        if (sequence !== 1 || head.length < 4) {
          wrong = 'it does not begin with a login';
          return false;
        }
        this.#capabilities = head.readUInt32LE(0);
        if (this.#has(CAPABILITY.ssl)) this.#state = 'hidden';
        return this.#state === 'before';
      }
      // Sequence numbers continue during a login. A command starts at 0.
      if (sequence === 0) wrong = 'it sends a command before it is logged in';
      return wrong === null;
    });
    return wrong;
  }

  /** Whether the client has sent part of a packet ahead of its turn. */
  get clientIsAhead(): boolean {
    return !this.#fromClient.atBorder;
  }
}

/** Calls back with the first bytes of each packet as soon as they arrive, and buffers only these. */
class Heads {
  readonly #headMax: number;
  #header = Buffer.alloc(PACKET_HEADER_SIZE);
  #headerSize = 0;
  #head: Buffer[] = [];
  #headMissing = 0;
  /** Bytes of the packet after its head. */
  #rest = 0;

  constructor(headMax: number) {
    this.#headMax = headMax;
  }

  get atBorder(): boolean {
    return this.#headerSize === 0 && this.#rest === 0;
  }

  /** Until `onPacket` returns false. */
  take(chunk: Buffer, onPacket: (sequence: number, head: Buffer) => boolean): void {
    let at = 0;
    while (at < chunk.length) {
      if (this.#headerSize < PACKET_HEADER_SIZE) {
        if (this.#headerSize === 0 && this.#rest > 0) {
          const skipped = Math.min(this.#rest, chunk.length - at);
          this.#rest -= skipped;
          at += skipped;
          continue;
        }
        this.#header[this.#headerSize++] = chunk[at++] ?? 0;
        if (this.#headerSize < PACKET_HEADER_SIZE) continue;
        const length = this.#header.readUIntLE(0, 3);
        this.#headMissing = Math.min(length, this.#headMax);
        this.#rest = length - this.#headMissing;
      }
      const part = chunk.subarray(at, at + this.#headMissing);
      this.#head.push(part);
      this.#headMissing -= part.length;
      at += part.length;
      if (this.#headMissing > 0) return;
      const head = Buffer.concat(this.#head);
      this.#head = [];
      this.#headerSize = 0;
      if (!onPacket(this.#header[3] ?? 0, head)) return;
    }
  }
}

function threadIdIn(greeting: Buffer): number | null {
  const versionEnd = greeting.indexOf(0, 1);
  if (greeting[0] !== GREETING_PROTOCOL || versionEnd < 0 || greeting.length < versionEnd + 5) return null;
  return greeting.readUInt32LE(versionEnd + 1);
}
