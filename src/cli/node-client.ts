import { isSkeinError, messageOf, SkeinError } from '../model/error.js';
import { terminalLine } from '../std/terminal-text.js';
import type { CommandContext } from './command.js';
import { type HttpAnswer, type HttpRequest, httpRequest } from './http-request.js';
import { knownNode } from './known-node.js';

/** A user at a terminal does not wait longer for a node that accepts the connection and does not answer. */
export const ANSWER_TIMEOUT_MS = 60_000;

export interface Answer<T> {
  readonly body: T;
  /** The original text, in which large numbers keep all digits. */
  readonly text: string;
}

/** Talks to one node over its public HTTP API. */
export class NodeClient {
  readonly url: string;
  readonly #token: string | null;
  readonly #ca: string | undefined;
  readonly #signal: AbortSignal;

  constructor(options: { url: string; token: string | null; ca?: string | undefined; signal: AbortSignal }) {
    this.url = options.url;
    this.#token = options.token;
    this.#ca = options.ca;
    this.#signal = options.signal;
  }

  /**
   * @throws SkeinError NODE_UNREACHABLE, NOT_A_NODE, or the code of the node's own answer
   */
  async request<T>(
    method: 'GET' | 'POST' | 'DELETE',
    path: string,
    body?: object,
    timeoutMs = ANSWER_TIMEOUT_MS,
  ): Promise<Answer<T>> {
    let response: HttpAnswer;
    let text: string;
    try {
      response = await this.#ask(path, {
        method,
        headers: body === undefined ? {} : { 'content-type': 'application/json' },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        signal: AbortSignal.any([this.#signal, AbortSignal.timeout(timeoutMs)]),
      });
      text = await response.text();
    } catch (error) {
      throw this.#unreachable(error);
    }
    const parsed = parse(text);
    if (!response.ok) throw this.#refused(response.status, parsed);
    if (parsed === undefined && text !== '') {
      throw new SkeinError('NOT_A_NODE', `The server at ${this.url} is not a Skein node.`);
    }
    return { body: parsed as T, text };
  }

  /**
   * Lines of an answer in NDJSON, as they come; with `follow` until the node or the caller ends it.
   * @throws SkeinError as `request`
   */
  async *lines(path: string, { follow }: { follow: boolean }): AsyncGenerator<string> {
    const signal = follow
      ? this.#signal
      : AbortSignal.any([this.#signal, AbortSignal.timeout(ANSWER_TIMEOUT_MS)]);
    try {
      const response = await this.#ask(path, { signal });
      if (!response.ok) throw this.#refused(response.status, parse(await response.text()));
      let rest = '';
      const decoder = new TextDecoder();
      for await (const chunk of response.bytes) {
        const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n');
        rest = lines.pop() ?? '';
        yield* lines.filter((line) => line !== '');
      }
    } catch (error) {
      if (this.#signal.aborted) return;
      throw isSkeinError(error) ? error : this.#unreachable(error);
    }
  }

  /**
   * The bytes of an answer as they come; there is no time limit but the caller's signal.
   * @throws SkeinError as `request`, also when it ends early
   */
  async *bytes(path: string): AsyncGenerator<Uint8Array> {
    try {
      const response = await this.#ask(path, { signal: this.#signal });
      if (!response.ok) throw this.#refused(response.status, parse(await response.text()));
      yield* response.bytes;
    } catch (error) {
      throw isSkeinError(error) ? error : this.#unreachable(error);
    }
  }

  #ask(path: string, request: Partial<HttpRequest> & Pick<HttpRequest, 'signal'>): Promise<HttpAnswer> {
    return httpRequest(`${this.url}${path}`, {
      method: 'GET',
      ...request,
      headers: {
        ...(this.#token === null ? {} : { authorization: `Bearer ${this.#token}` }),
        ...request.headers,
      },
      ca: this.#ca,
    });
  }

  #unreachable(error: unknown): SkeinError {
    const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
    const code = (cause as NodeJS.ErrnoException | undefined)?.code;
    if (code === 'ECONNREFUSED') {
      return new SkeinError(
        'NODE_UNREACHABLE',
        `No node answers at ${this.url}.\nStart a local cluster with \`npm start\`, or name a running node: SKEIN_URL=http://host:8083`,
        { cause: error },
      );
    }
    return new SkeinError(
      'NODE_UNREACHABLE',
      `The request to the node at ${this.url} failed: ${messageOf(cause)}`,
      {
        cause: error,
      },
    );
  }

  #refused(status: number, body: unknown): SkeinError {
    const error = (body as { error?: { code?: string; message?: string; primary?: string } } | undefined)
      ?.error;
    if (status === 401) {
      return new SkeinError(
        error?.code ?? 'UNAUTHORIZED',
        this.#token === null
          ? 'The node asks for a token. Set SKEIN_TOKEN, or run this where .skein/admin.token can be read (SKEIN_DIR: of a node that was set up).'
          : `The node at ${this.url} does not know this token (from SKEIN_TOKEN or .skein/admin.token). ${terminalLine(error?.message ?? '')}`.trimEnd(),
      );
    }
    if (!error?.code) {
      return new SkeinError('NOT_A_NODE', `${this.url} answered ${status}; is this a Skein node?`);
    }
    const told = error.primary === undefined || error.message?.includes(error.primary);
    const hint = told ? '' : `\nThe primary is at ${terminalLine(error.primary ?? '')}`;
    // A server's own message quotes the statement, line breaks and all.
    const message = terminalLine(`${error.code}: ${error.message ?? `status ${status}`}`);
    return new SkeinError(error.code, `${message}${hint}`, {
      data: { ...error },
    });
  }
}

/** The node at `url`, else the one that known-node.ts finds. */
export function clientOf(context: CommandContext, url?: string): NodeClient {
  const known = knownNode(context);
  const address = url ?? known.url;
  if (!/^https?:\/\/[^/]/.test(address)) {
    throw new SkeinError('USAGE', `"${address}" is not an address of a node; expected http://host:port`);
  }
  return new NodeClient({ ...known, url: withoutSlash(address), signal: context.signal });
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function withoutSlash(url: string): string {
  let end = url.length;
  while (url.endsWith('/', end)) end--;
  return url.slice(0, end);
}
