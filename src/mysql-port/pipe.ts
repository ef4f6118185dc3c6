import type { Socket } from 'node:net';
import { CommandScan, failingStatement, type Kill } from './command-scan.js';
import type { PortCounters } from './counters.js';
import type { Gate } from './gate.js';
import { HopFilter } from './hop.js';

/** When one end has said its last word, the other gets so long to take it. */
const LINGER_MS = 5_000;

/** Null: the KILL may go to the server; else the client hears this. It may take its time. */
export type KillJudge = (kill: Kill) => Promise<string | null>;

export interface PipeModules {
  readonly client: Socket;
  readonly server: Socket;
  readonly gate: Gate;
  readonly counters: PortCounters;
  /** Null: what clients send is not looked at. */
  readonly judge: KillJudge | null;
  closed(): void;
}

/**
 * Passes bytes between a client and its server as they are, whatever they mean: TLS, compression and local files go
 * through untouched. Before each chunk, in both directions, the gate is asked (SAFETY M4). A slow reader stops the
 * reading at the other end; at most one chunk and the sockets' own buffers lie here.
 */
export class Pipe {
  readonly #generation: number;
  readonly #modules: PipeModules;
  #closed = false;
  #linger: NodeJS.Timeout | null = null;
  /** Since when the client does not take what the server sent (monotonic ms); null = it does. */
  #clogged: number | null = null;
  readonly #scan: CommandScan | null;
  /** The beginning of a packet, too short yet to say whether it is a KILL. */
  #kept: Buffer | null = null;
  #judging = false;
  /** Null: the first bytes have passed. */
  #hop: HopFilter | null = new HopFilter();

  constructor(options: { generation: number }, modules: PipeModules) {
    this.#generation = options.generation;
    this.#modules = modules;
    this.#scan = modules.judge ? new CommandScan() : null;
  }

  /** Both sockets are paused; `greeting` was read from the server already. */
  start(greeting: Buffer): void {
    const { client, server, counters } = this.#modules;
    server.on('data', (chunk) => this.#toClient(chunk));
    client.on('data', (chunk) => this.#toServer(chunk));
    client.on('drain', () => {
      this.#clogged = null;
      server.resume();
    });
    server.on('drain', () => {
      if (!this.#judging) client.resume();
    });
    // Sockets are not half-open: whoever ends is ended; the other gets what is on its way, and is ended too.
    client.on('end', () => this.#end(server));
    server.on('end', () => this.#end(client));
    client.on('error', () => this.destroy());
    server.on('error', () => this.#end(client));
    client.on('close', () => this.#end(server));
    server.on('close', () => this.#end(client));
    counters.bytesOut += greeting.length;
    client.write(greeting);
    server.resume();
    client.resume();
  }

  #toClient(chunk: Buffer): void {
    const { client, server, gate, counters } = this.#modules;
    if (!gate.admits(this.#generation)) {
      this.cut();
      return;
    }
    counters.bytesOut += chunk.length;
    if (client.write(chunk)) return;
    this.#clogged = performance.now();
    server.pause();
  }

  #toServer(received: Buffer): void {
    const { gate, counters } = this.#modules;
    if (!gate.admits(this.#generation)) {
      this.cut();
      return;
    }
    let chunk = received;
    if (this.#hop) {
      chunk = this.#hop.take(received);
      if (this.#hop.passedOn !== null) this.#hop = null;
      if (chunk.length === 0) return;
    }
    counters.bytesIn += chunk.length;
    if (this.#scan) this.#look(this.#scan, chunk);
    else this.#send(chunk);
  }

  #send(chunk: Buffer): void {
    const { client, server } = this.#modules;
    if (!server.write(chunk)) client.pause();
  }

  #look(scan: CommandScan, chunk: Buffer): void {
    const bytes = this.#kept ? Buffer.concat([this.#kept, chunk]) : chunk;
    this.#kept = null;
    const at = scan.find(bytes);
    if (at < 0) {
      this.#send(bytes);
      return;
    }
    if (at > 0) this.#send(bytes.subarray(0, at));
    const rest = bytes.subarray(at);
    if (scan.kill) void this.#judge(scan, scan.kill, rest);
    else this.#kept = rest;
  }

  /** The client waits meanwhile, as it would for the server. */
  async #judge(scan: CommandScan, kill: Kill, bytes: Buffer): Promise<void> {
    const { client, server, gate, judge, counters } = this.#modules;
    this.#judging = true;
    client.pause();
    const refusal = judge ? await judge(kill) : null;
    counters.kills++;
    if (refusal !== null) counters.killsRefused++;
    this.#judging = false;
    if (this.#closed) return;
    if (!gate.admits(this.#generation)) {
      this.cut();
      return;
    }
    this.#send(refusal === null ? bytes.subarray(0, scan.killSize) : failingStatement(refusal));
    const rest = bytes.subarray(scan.killSize);
    scan.pass();
    if (!server.writableNeedDrain) client.resume();
    if (rest.length > 0) this.#look(scan, rest);
  }

  /** Lets `socket` have what was sent to it, then both are gone. */
  #end(socket: Socket): void {
    if (this.#closed) return;
    if (socket.destroyed) {
      this.destroy();
      return;
    }
    socket.end();
    // Otherwise what it still sends keeps its end from being seen.
    socket.resume();
    this.#linger ??= setTimeout(() => this.destroy(), LINGER_MS);
  }

  /** How long the client has not taken anything although there is something; 0 = it reads. */
  cloggedMs(now: number): number {
    return this.#clogged === null ? 0 : now - this.#clogged;
  }

  /** At once and without a word: what was in flight is unknown to the client, and any error packet would say more. */
  cut(): void {
    if (this.#closed) return;
    this.#modules.counters.cut++;
    this.destroy();
  }

  /** The port of this machine that the server sees as its client's; 0 = it is gone. */
  get dialledFrom(): number {
    return this.#modules.server.localPort ?? 0;
  }

  /** Whether it may live on after a change of the gate. */
  get valid(): boolean {
    return this.#modules.gate.admits(this.#generation);
  }

  destroy(): void {
    if (this.#closed) return;
    this.#closed = true;
    if (this.#linger) clearTimeout(this.#linger);
    const { client, server, closed } = this.#modules;
    client.destroy();
    server.destroy();
    closed();
  }
}
