/** A process of its own that makes load over HTTP until it is told to stop. */
import { type ClientRequest, get } from 'node:http';
import { sleep } from '../../src/std/timing.js';
import { RawHttp } from '../throughput/raw-http.js';
import { answerBench } from './helper.js';
import { LOADS, type Load, type LoadName } from './loads.js';

export interface LoadRequest {
  readonly load: LoadName;
  readonly port: number;
  /** One for each client, in turn: what a node holds for one token is limited. */
  readonly tokens: readonly string[];
  /** For streams; the audit trail is for administrators. */
  readonly adminToken: string;
}

/** So far. */
export interface LoadCounts {
  readonly requests: number;
  readonly bytes: number;
}

class RunningLoad {
  readonly #load: Load;
  readonly #request: LoadRequest;
  #clients: RawHttp[] = [];
  #streams: ClientRequest[] = [];
  #loops: Promise<unknown> = Promise.resolve();
  #stopped = false;
  #failure: Error | null = null;
  #requests = 0;
  #streamBytes = 0;

  constructor(request: LoadRequest) {
    this.#load = LOADS[request.load];
    this.#request = request;
  }

  /** Resolves when every stream is open and every client has had its first answer. */
  async start(): Promise<void> {
    const { port, tokens } = this.#request;
    const { clients, streams = [], body } = this.#load;
    this.#streams = await Promise.all(streams.map((path) => this.#open(path)));
    this.#clients = await Promise.all(
      Array.from({ length: clients }, (_, at) =>
        RawHttp.open({ port, path: '/v1/sql', token: tokens[at % tokens.length] ?? null }),
      ),
    );
    await Promise.all(this.#clients.map((client) => client.post(body())));
    this.#loops = Promise.all(this.#clients.map((client) => this.#loop(client))).catch(this.#failed);
  }

  /** @throws Error the first request that failed */
  counts(): LoadCounts {
    if (this.#failure !== null) throw this.#failure;
    const bytes = this.#clients.reduce((sum, { bytesReceived }) => sum + bytesReceived, this.#streamBytes);
    return { requests: this.#requests, bytes };
  }

  /** Resolves when the requests under way are answered. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#loops;
    for (const client of this.#clients) client.close();
    for (const stream of this.#streams) stream.destroy();
    if (this.#failure !== null) throw this.#failure;
  }

  async #loop(client: RawHttp): Promise<void> {
    const { requestsPerSecond, clients, body } = this.#load;
    const pauseMs = requestsPerSecond === undefined ? 0 : (1000 * clients) / requestsPerSecond;
    for (let dueMs = performance.now(); !this.#stopped; dueMs += pauseMs) {
      const waitMs = pauseMs === 0 ? 0 : dueMs - performance.now();
      if (waitMs > 0) await sleep(waitMs);
      await client.post(body());
      this.#requests++;
    }
  }

  #open(path: string): Promise<ClientRequest> {
    const { port, adminToken } = this.#request;
    return new Promise((resolve, reject) => {
      const headers = { authorization: `Bearer ${adminToken}` };
      const request = get({ host: '127.0.0.1', port, path, headers, agent: false }, (response) => {
        if (response.statusCode !== 200) reject(new Error(`${path} was answered ${response.statusCode}`));
        response.on('data', (chunk: Buffer) => {
          this.#streamBytes += chunk.length;
        });
        response.on('end', () => this.#failed(new Error(`the stream ${path} has ended`)));
        resolve(request);
      });
      request.on('error', (error) => {
        reject(error);
        this.#failed(error);
      });
    });
  }

  readonly #failed = (error: Error): void => {
    if (!this.#stopped) this.#failure ??= error;
  };
}

let running: RunningLoad | null = null;

answerBench({
  start: async (request: LoadRequest) => {
    running = new RunningLoad(request);
    await running.start();
  },
  counts: () => running?.counts(),
  stop: () => running?.stop(),
});
