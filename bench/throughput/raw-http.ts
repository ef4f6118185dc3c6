/**
 * A keep-alive HTTP client that costs less than what it measures: one socket, one request under way, the request's head
 * made once, of the answer only the status and the length are read. node:http with an Agent needs several times as much.
 * What it does not do: chunked answers, redirects, pipelining.
 */
import { connect, type Socket } from 'node:net';

const END_OF_HEAD = Buffer.from('\r\n\r\n');

interface Waiting {
  resolve(): void;
  reject(error: Error): void;
}

export interface RawHttpOptions {
  readonly port: number;
  readonly path: string;
  /** Null = none. */
  readonly token: string | null;
}

export class RawHttp {
  readonly #socket: Socket;
  readonly #head: string;
  #waiting: Waiting | null = null;
  /** What came of an answer whose head is not whole yet, or which is an error. */
  #received: Buffer | null = null;
  /** Bytes of the answer under way that are still to come; they are counted, not kept. */
  #left = 0;
  bytesReceived = 0;

  static open(options: RawHttpOptions): Promise<RawHttp> {
    return new Promise((resolve, reject) => {
      const socket = connect({ port: options.port, host: '127.0.0.1', noDelay: true });
      socket.once('error', reject);
      socket.once('connect', () => {
        socket.removeListener('error', reject);
        resolve(new RawHttp(socket, options));
      });
    });
  }

  private constructor(socket: Socket, { path, token }: RawHttpOptions) {
    this.#socket = socket;
    const authorization = token === null ? '' : `authorization: Bearer ${token}\r\n`;
    this.#head = `POST ${path} HTTP/1.1\r\nhost: 127.0.0.1\r\n${authorization}content-type: application/json\r\ncontent-length: `;
    socket.on('data', (chunk) => this.#take(chunk));
    socket.on('error', (error) => this.#fail(error));
    socket.on('close', () => this.#fail(new Error('the connection was closed')));
  }

  /** @throws when the answer is not a 200. A text is ASCII. */
  post(body: string | Buffer): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
      const head = `${this.#head}${body.length}\r\n\r\n`;
      if (typeof body === 'string') this.#socket.write(head + body, 'latin1');
      else {
        this.#socket.write(head, 'latin1');
        this.#socket.write(body);
      }
    });
  }

  close(): void {
    this.#waiting = null;
    this.#socket.destroy();
  }

  #take(chunk: Buffer): void {
    this.bytesReceived += chunk.length;
    if (this.#left > 0) {
      this.#left -= chunk.length;
      if (this.#left <= 0) this.#done();
      return;
    }
    const bytes = this.#received === null ? chunk : Buffer.concat([this.#received, chunk]);
    this.#received = bytes;
    const headEnd = bytes.indexOf(END_OF_HEAD);
    if (headEnd < 0) return;
    const head = bytes.toString('latin1', 0, headEnd);
    const length = Number(/\r\ncontent-length: (\d+)/i.exec(head)?.[1] ?? Number.NaN);
    if (Number.isNaN(length)) {
      this.#fail(new Error(`an answer without a length: ${head}`));
      return;
    }
    const left = headEnd + END_OF_HEAD.length + length - bytes.length;
    if (!head.startsWith('HTTP/1.1 200 ')) {
      // An error is short, and its text is wanted.
      if (left > 0) return;
      this.#received = null;
      this.#fail(new Error(bytes.toString('utf8')));
      return;
    }
    this.#received = null;
    this.#left = left;
    if (left <= 0) this.#done();
  }

  #done(): void {
    this.#left = 0;
    const waiting = this.#waiting;
    this.#waiting = null;
    waiting?.resolve();
  }

  #fail(error: Error): void {
    const waiting = this.#waiting;
    this.#waiting = null;
    waiting?.reject(error);
  }
}
