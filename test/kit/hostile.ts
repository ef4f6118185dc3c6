/** Clients that keep to nothing: bytes on a connection, as they come, with or without an end. */
import net from 'node:net';
import { gzipSync } from 'node:zlib';

export interface RawAnswer {
  /** 0: the connection ended without an answer. */
  readonly status: number;
  readonly text: string;
}

/** Bytes on one connection; it stays open until `close`, or until the other side ends it. */
export class RawClient {
  readonly #socket: net.Socket;
  #text = '';
  /** Resolves when the other side has ended or cut the connection. */
  readonly ended: Promise<void>;
  readonly #gone: Promise<void>;
  isOver = false;

  /** `reads: false` takes nothing of what comes. */
  constructor(url: string, { reads = true } = {}) {
    const { hostname, port } = new URL(url);
    this.#socket = net.connect({ host: hostname, port: Number(port), allowHalfOpen: true });
    this.#socket.on('error', () => {});
    if (reads) this.#socket.on('data', (chunk) => (this.#text += chunk.toString('latin1')));
    this.#gone = new Promise((resolve) => this.#socket.once('close', () => resolve()));
    this.ended = new Promise((resolve) => {
      for (const event of ['end', 'close'] as const) this.#socket.once(event, () => resolve());
    });
    void this.ended.then(() => {
      this.isOver = true;
    });
  }

  /** Resolves when the bytes were taken, or the connection is gone. */
  send(bytes: string | Buffer): Promise<void> {
    if (this.#socket.destroyed) return Promise.resolve();
    const taken = new Promise<void>((resolve) => this.#socket.write(bytes, () => resolve()));
    return Promise.race([taken, this.#gone]);
  }

  /** Ends this side only. */
  halfClose(): void {
    this.#socket.end();
  }

  close(): void {
    this.#socket.destroy();
  }

  get answer(): RawAnswer {
    const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(this.#text)?.[1] ?? 0);
    return { status, text: this.#text };
  }
}

export interface HostileRequest {
  readonly url: string;
  readonly token: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** The head of a `POST /v1/sql`. */
export function headOf({ token, headers = {} }: HostileRequest): string {
  const all = { host: 'node', authorization: `Bearer ${token}`, ...headers };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  return `POST /v1/sql HTTP/1.1\r\n${lines.join('')}\r\n`;
}

/** `{"k0":1,"k1":1,...}`: each name of its own, which is what costs a parser most. */
export function manyKeys(count: number, first = ''): string {
  const keys = Array.from({ length: count }, (_, i) => `"k${i}":1`);
  return `{${first}${keys.join(',')}}`;
}

/** Zeroes, a thousand times smaller. */
export function bomb(bytes: number): Buffer {
  return gzipSync(Buffer.alloc(bytes, 0x20));
}
