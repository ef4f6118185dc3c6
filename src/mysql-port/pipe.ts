import type { Socket } from 'node:net';
import { PacketSplitter } from '../mysql-protocol/packets.js';
import type { Clock } from '../std/clock.js';
import { CommandScan, failingStatement, query } from './command-scan.js';
import type { PortCounters } from './counters.js';
import { ForwardMarkerFilter } from './forward-marker.js';
import type { Gate } from './gate.js';
import type { Kill } from './kill-text.js';
import { type LoginState, LoginWatch } from './login-watch.js';

/** After one end has closed, the other has this long to take what is buffered. */
const LINGER_MS = 5_000;
const OK = 0x00;
const SET_READ_ONLY = query('SET SESSION TRANSACTION READ ONLY');

/** Null: the KILL may go to the server. Otherwise the error text for the client. May wait before it resolves. */
export type KillJudge = (kill: Kill) => Promise<string | null>;

export interface PipeModules {
  readonly client: Socket;
  readonly server: Socket;
  readonly gate: Gate;
  readonly counters: PortCounters;
  /** Null: clients' KILLs are not looked for. */
  readonly judge: KillJudge | null;
  /** The server makes the session read-only at login. A reset undoes that, so the pipe restores it. */
  readonly keepsReadOnly: boolean;
  /** Awaited before each chunk after the login: whether the server has caught up with the primary. Null: no wait. */
  readonly fresh: (() => Promise<boolean>) | null;
  /** Called when the login's state changes. */
  readonly clock: Clock;
  onLogin(pipe: Pipe): void;
  /** Called once, when both ends are closed; `wrong` names the client's violation of the protocol. */
  closed(wrong: string | null): void;
}

/**
 * Passes bytes between a client and its server unchanged, so TLS, compression and local files work. Before each chunk, in
 * both directions, it asks the gate (rule M4). A slow reader pauses the reading at the other end. At most one chunk, one
 * statement of STATEMENT_BYTES_MAX and the sockets' own buffers are held.
 */
export class Pipe {
  readonly #generation: number;
  readonly #modules: PipeModules;
  readonly #login = new LoginWatch();
  #closed = false;
  #linger: NodeJS.Timeout | null = null;
  /** When the client stopped reading what the server sent (monotonic ms); null = it reads. */
  #clogged: number | null = null;
  /** Null: no login yet, or commands need not be inspected. */
  #scan: CommandScan | null = null;
  /** The beginning of a packet that cannot be identified yet. */
  #kept: Buffer[] = [];
  #keptSize = 0;
  #needed = 0;
  /** The port does not read from the client, because it handles one of the client's commands. */
  #holding = false;
  /** Receives the server's next bytes in place of the client; returns the part for the client. */
  #listener: ((chunk: Buffer) => Buffer) | null = null;
  /** The server has not answered the client's last bytes yet. */
  #owesAnswer = false;
  /** Null: the first bytes have passed. */
  #marker: ForwardMarkerFilter | null = new ForwardMarkerFilter();

  constructor(options: { generation: number }, modules: PipeModules) {
    this.#generation = options.generation;
    this.#modules = modules;
  }

  get loginState(): LoginState {
    return this.#login.state;
  }

  /** The server's number for this session; null = it did not greet. */
  get threadId(): number | null {
    return this.#login.threadId;
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
      if (!this.#holding) client.resume();
    });
    // Sockets are not half-open. When one end closes, the other gets what is on its way, and is closed too.
    client.on('end', () => this.#end(server));
    server.on('end', () => this.#end(client));
    client.on('error', () => this.destroy());
    server.on('error', () => this.#end(client));
    client.on('close', () => this.#end(server));
    server.on('close', () => this.#end(client));
    this.#login.server(greeting);
    counters.bytesOut += greeting.length;
    client.write(greeting);
    server.resume();
    client.resume();
  }

  #toClient(received: Buffer): void {
    const { client, server, gate, counters } = this.#modules;
    if (!gate.admits(this.#generation)) {
      this.cut();
      return;
    }
    if (this.#login.state === 'before') {
      this.#login.server(received);
      if (this.#login.state !== 'before' && !this.#letIn()) return;
    }
    this.#owesAnswer = false;
    const chunk = this.#listener ? this.#listener(received) : received;
    if (chunk.length === 0 || this.#closed) return;
    counters.bytesOut += chunk.length;
    if (client.write(chunk)) return;
    this.#clogged = this.#modules.clock.nowMs();
    server.pause();
  }

  /** The server has accepted the login; false = the connection is cut. */
  #letIn(): boolean {
    if (this.#login.clientIsAhead) {
      this.destroy('it sends more than a login before it is logged in');
      return false;
    }
    const { judge, keepsReadOnly } = this.#modules;
    if (!this.#login.compressed && (judge || keepsReadOnly)) {
      const multi = this.#login.multiStatements;
      this.#scan = new CommandScan({ kills: judge !== null, resets: keepsReadOnly, multi });
    }
    this.#modules.onLogin(this);
    return true;
  }

  #toServer(received: Buffer): void {
    const { gate, counters } = this.#modules;
    if (!gate.admits(this.#generation)) {
      this.cut();
      return;
    }
    let chunk = received;
    if (this.#marker) {
      chunk = this.#marker.take(received);
      if (this.#marker.forwarded !== null) this.#marker = null;
      if (chunk.length === 0) return;
    }
    counters.bytesIn += chunk.length;
    if (this.#login.state === 'before') {
      const wrong = this.#login.client(chunk);
      if (wrong !== null) {
        this.destroy(wrong);
        return;
      }
      if (this.#login.state !== 'before') this.#modules.onLogin(this);
    }
    const { fresh } = this.#modules;
    if (fresh && this.#login.state !== 'before') void this.#whenFresh(fresh, chunk);
    else this.#pass(chunk);
  }

  /** An old answer is never given: on time-out the connection is cut, and the client may connect to another node. */
  async #whenFresh(fresh: () => Promise<boolean>, chunk: Buffer): Promise<void> {
    this.#holding = true;
    this.#modules.client.pause();
    const isFresh = await fresh();
    if (!isFresh && !this.#closed) {
      this.#modules.counters.cut++;
      this.destroy("this server did not reach the primary's position in time");
    } else if (this.#goOn()) this.#pass(chunk);
  }

  #pass(chunk: Buffer): void {
    if (this.#scan) this.#look(this.#scan, chunk);
    else this.#send(chunk);
  }

  #send(chunk: Buffer): void {
    const { client, server } = this.#modules;
    this.#owesAnswer = true;
    if (!server.write(chunk)) client.pause();
  }

  #look(scan: CommandScan, chunk: Buffer): void {
    let bytes = chunk;
    if (this.#keptSize > 0) {
      this.#kept.push(chunk);
      this.#keptSize += chunk.length;
      if (this.#keptSize < this.#needed) return;
      bytes = Buffer.concat(this.#kept);
      this.#kept = [];
      this.#keptSize = 0;
    }
    const at = scan.find(bytes);
    if (at < 0) {
      this.#send(bytes);
      return;
    }
    if (at > 0) this.#send(bytes.subarray(0, at));
    const rest = bytes.subarray(at);
    const { found } = scan;
    if (!found) {
      this.#kept = [rest];
      this.#keptSize = rest.length;
      this.#needed = scan.size;
      return;
    }
    this.#holding = true;
    this.#modules.client.pause();
    if (found.kind === 'kill') void this.#judge(scan, found.kill, rest);
    else this.#renew(scan, rest);
  }

  /** The client waits meanwhile, as for the server. */
  async #judge(scan: CommandScan, kill: Kill, bytes: Buffer): Promise<void> {
    const { judge, counters } = this.#modules;
    const refusal = judge ? await judge(kill) : null;
    counters.kills++;
    if (refusal !== null) counters.killsRefused++;
    if (!this.#goOn()) return;
    this.#send(refusal === null ? bytes.subarray(0, scan.size) : failingStatement(refusal));
    const rest = bytes.subarray(scan.size);
    scan.pass();
    if (rest.length > 0) this.#look(scan, rest);
  }

  /**
   * After a reset and before the next command: a statement of ours, whose answer the client does not see. (A client that
   * sends statements, a reset and a further command without waiting for any answer gets these in the wrong order.)
   */
  #renew(scan: CommandScan, bytes: Buffer): void {
    if (this.#owesAnswer) {
      this.#listener = (chunk) => {
        this.#listener = null;
        setImmediate(() => {
          if (!this.#closed) this.#renew(scan, bytes);
        });
        return chunk;
      };
      return;
    }
    const answers = new PacketSplitter();
    this.#listener = (chunk) => {
      answers.push(chunk);
      const answer = answers.next();
      if (!answer) return Buffer.alloc(0);
      this.#listener = null;
      if (answer[0] !== OK) this.destroy('its session cannot be made read-only again');
      else if (this.#goOn()) {
        scan.resume();
        this.#look(scan, bytes);
      }
      return answers.takeRest();
    };
    this.#send(SET_READ_ONLY);
  }

  /** Reads from the client again. False = the connection is closed. */
  #goOn(): boolean {
    const { client, server, gate } = this.#modules;
    this.#holding = false;
    if (this.#closed) return false;
    if (!gate.admits(this.#generation)) {
      this.cut();
      return false;
    }
    if (!server.writableNeedDrain) client.resume();
    return true;
  }

  /** Closes both ends after `socket` has got what was sent to it. */
  #end(socket: Socket): void {
    if (this.#closed) return;
    if (socket.destroyed) {
      this.destroy();
      return;
    }
    socket.end();
    // Unread data would keep the end of the stream from being seen.
    socket.resume();
    this.#linger ??= setTimeout(() => this.destroy(), LINGER_MS);
  }

  /** How long the client has left data unread; 0 = it reads. */
  cloggedMs(now: number): number {
    return this.#clogged === null ? 0 : now - this.#clogged;
  }

  /** Cuts both ends at once, without an error packet: what was in flight must stay unknown to the client. */
  cut(): void {
    if (this.#closed) return;
    this.#modules.counters.cut++;
    this.destroy();
  }

  /** The local port of the connection to the server; 0 = it is closed. */
  get dialledFrom(): number {
    return this.#modules.server.localPort ?? 0;
  }

  /** Whether the connection stays valid after a change of the gate. */
  get valid(): boolean {
    return this.#modules.gate.admits(this.#generation);
  }

  destroy(wrong: string | null = null): void {
    if (this.#closed) return;
    this.#closed = true;
    if (this.#linger) clearTimeout(this.#linger);
    const { client, server, closed } = this.#modules;
    client.destroy();
    server.destroy();
    closed(wrong);
  }
}
