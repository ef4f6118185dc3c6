/** What both client planes have in common. The other side is node/client-plane-host.ts. */

import { parentPort, workerData } from 'node:worker_threads';
import { flavour } from '../flavour/current.js';
import { ThreadMeter } from '../metrics/process-metrics.js';
import { type MetricFamily, metricsText } from '../metrics/text.js';
import { messageOf } from '../model/error.js';
import { ServerQuestions } from '../mysql-control/server-questions.js';
import { FactsReader } from '../planes/facts-reader.js';
import {
  type DoneOf,
  errorData,
  type FromPlane,
  type Order,
  type PlaneData,
  type ToPlane,
} from '../planes/messages.js';
import { PlaneSignals, type PortConnections } from '../planes/plane-signals.js';
import { StateReader } from '../planes/shared-state.js';
import { LineBatch } from '../std/line-batch.js';
import type { Logger } from '../std/logger.js';
import { createNodeLogger } from '../std/pino-logger.js';

/** Interval of the signal that the event loop turns. The replication plane ends a plane that misses many of them. */
const TURN_MS = 250;

/** What one client plane does, besides what both have in common. */
export interface ClientPlane<Message> {
  /** @throws SkeinError PORT_TAKEN | LISTEN_FAILED */
  start(): Promise<void>;
  /** Takes a message that is not an order. */
  received(message: Message): void;
  /** The server was restarted or the role has changed: earlier sessions must not be used any more (rule C10). */
  dropSessions(): void;
  metrics(): MetricFamily[];
  /** Null where there are no MySQL ports. */
  readonly connections: PortConnections | null;
  /** Stops serving clients. */
  stop(): Promise<void>;
  /** Writes what is left to write. */
  end(): Promise<void>;
}

/** The thread of a client plane: its log, what it knows of the node, and its sessions on the local server. */
export class PlaneThread<Sent> {
  readonly log: Logger;
  readonly secret: Buffer;
  readonly plane: FactsReader;
  readonly signals: PlaneSignals;
  readonly server: ServerQuestions;
  readonly meter: ThreadMeter;
  readonly #send: (message: FromPlane | Sent) => void;
  readonly #logLines: LineBatch;
  #turning: NodeJS.Timeout | null = null;
  #generation: number | null = null;

  constructor(data: PlaneData, modules: { send(message: FromPlane | Sent): void }) {
    const { config } = data;
    const { send } = modules;
    this.#send = send;
    this.#logLines = new LineBatch({ pass: (lines, urgent) => send({ kind: 'log', lines, urgent }) });
    this.log = createNodeLogger({
      sink: this.#logLines,
      level: config.logLevel,
      bindings: { node: config.name },
    });
    this.secret = Buffer.from(data.secret);
    this.plane = new FactsReader({ state: new StateReader(data.state), port: data.factsPort });
    this.signals = new PlaneSignals(data.signals);
    this.server = new ServerQuestions(
      { secret: this.secret },
      { socketPath: () => this.plane.facts.server?.socketPath ?? null, flavour },
    );
    this.meter = new ThreadMeter(data.plane);
  }

  send(message: Sent): void {
    this.#send(message);
  }

  flushLog(): void {
    this.#logLines.flush();
  }

  /** @throws SkeinError PORT_TAKEN | LISTEN_FAILED */
  async start(served: ClientPlane<never>): Promise<void> {
    this.plane.onChange.on(() => this.#changed(served));
    this.#turning = setInterval(() => this.signals.turn(served.connections), TURN_MS);
    await served.start();
    this.#send({ kind: 'started' });
  }

  async obey(served: ClientPlane<never>, { order, id }: ToPlane): Promise<void> {
    let value: unknown;
    try {
      value = await this.#carryOut(served, order);
    } catch (error) {
      this.log.error({ order, reason: messageOf(error) }, 'the thread failed to execute an order');
    }
    this.flushLog();
    this.#send({ kind: 'done', id, value });
  }

  #carryOut(served: ClientPlane<never>, order: Order): DoneOf<Order> | Promise<DoneOf<Order>> {
    switch (order) {
      case 'cut':
        // The replication plane has written the closed state before it sent this order.
        this.plane.look();
        return this.#changed(served);
      case 'measure':
        return { text: metricsText(served.metrics()), thread: this.meter.look() };
      case 'stop':
        return this.#stop(served);
      case 'end':
        return this.#end(served);
    }
  }

  #changed(served: ClientPlane<never>): void {
    const { generation } = this.plane.state;
    if (generation === this.#generation) return;
    this.#generation = generation;
    served.dropSessions();
    this.server.dropSessions();
  }

  async #stop(served: ClientPlane<never>): Promise<void> {
    await served.stop();
    this.server.dropSessions();
  }

  /** The messages that were sent before this order have been handled. */
  async #end(served: ClientPlane<never>): Promise<void> {
    if (this.#turning) clearInterval(this.#turning);
    this.meter.stop();
    this.plane.close();
    await served.end();
  }
}

/** Runs a client plane in its own thread, from the thread's start to its end. */
export async function runPlane<Data extends PlaneData, Received extends { kind: string }, Sent>(
  create: (data: Data, thread: PlaneThread<Sent>) => Promise<ClientPlane<Received>>,
): Promise<void> {
  if (parentPort === null) throw new Error('A client plane can only run in a worker thread of a node.');
  const port = parentPort;
  const send = (message: FromPlane | Sent) => port.postMessage(message);
  try {
    const data = workerData as Data;
    const thread = new PlaneThread<Sent>(data, { send });
    const served = await create(data, thread);
    port.on('message', (message: ToPlane | Received) => {
      if (isOrder(message)) void thread.obey(served, message);
      else served.received(message);
    });
    await thread.start(served);
  } catch (error) {
    send({ kind: 'failed', error: errorData(error) });
  }
}

function isOrder(message: ToPlane | { kind: string }): message is ToPlane {
  return message.kind === 'order';
}
