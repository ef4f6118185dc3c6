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
  #received: Buffer | null = null;

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

  /** @throws when the answer is not a 200. `body` is ASCII. */
  post(body: string): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
      this.#socket.write(`${this.#head}${body.length}\r\n\r\n${body}`, 'latin1');
    });
  }

  close(): void {
    this.#waiting = null;
    this.#socket.destroy();
  }

  #take(chunk: Buffer): void {
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
    if (bytes.length < headEnd + END_OF_HEAD.length + length) return;
    this.#received = null;
    if (head.startsWith('HTTP/1.1 200 ')) {
      const waiting = this.#waiting;
      this.#waiting = null;
      waiting?.resolve();
    } else this.#fail(new Error(bytes.toString('utf8')));
  }

  #fail(error: Error): void {
    const waiting = this.#waiting;
    this.#waiting = null;
    waiting?.reject(error);
  }
}
