import { seededRandom } from '../kit/random.js';
import { type Arena, Clients, DATABASE, post, Tally, type Workload } from './workload.js';

const CLIENTS = 2;

/** Each client writes by way of one node, and reads with the position of its write on another: it sees at least that. */
export class ReadsWorkload implements Workload {
  readonly name = 'reads';
  readonly #arena: Arena;
  readonly #clients = new Clients();
  readonly #tally = new Tally();

  constructor(arena: Arena) {
    this.#arena = arena;
  }

  async prepare(): Promise<void> {
    const { primary } = this.#arena.cluster;
    await primary.sql(`CREATE DATABASE IF NOT EXISTS ${DATABASE}`);
    await primary.sql('CREATE TABLE counter (client INT PRIMARY KEY, n INT NOT NULL)', [], {
      database: DATABASE,
    });
  }

  start(): void {
    for (let client = 1; client <= CLIENTS; client++) this.#client(client);
  }

  stop(): Promise<void> {
    return this.#clients.stop();
  }

  async judge(): Promise<void> {}

  summary(): string {
    return `${this.#tally}`;
  }

  #client(client: number): void {
    const { cluster, history } = this.#arena;
    const random = seededRandom(30 + client);
    let n = 0;
    this.#clients.add(50, async () => {
      n++;
      const [writer, reader] = [random.pick(cluster.nodes), random.pick(cluster.nodes)];
      const written = await post(writer, {
        sql: 'INSERT INTO counter VALUES (?, ?) ON DUPLICATE KEY UPDATE n = VALUES(n)',
        params: [client, n],
      });
      this.#tally.add(`write ${written.outcome}`);
      if (written.reason) this.#tally.add(written.reason);
      if (written.outcome !== 'acknowledged' || !written.position) return false;
      history.acknowledged();
      const { position } = written;
      const read = await post(
        reader,
        { sql: 'SELECT n FROM counter WHERE client = ?', params: [client] },
        { 'x-skein-position': position },
      );
      this.#tally.add(`read ${read.body ? 'answered' : (read.reason ?? 'failed')}`);
      const seen = read.body && Number(read.body.results[0]?.rows[0]?.[0] ?? 0);
      history.record('reads', { client, n, writer: writer.name, position, reader: reader.name, seen });
      if (seen !== null && seen < n)
        history.violation(
          'reads',
          `client ${client} wrote ${n} by way of ${writer.name} at ${position}, and read ${seen} on ${reader.name} with that position`,
        );
      // A position that the cluster has given out is lost only with the write.
      if (read.reason?.startsWith('HTTP 409'))
        history.violation(
          'reads',
          `${reader.name} says that the write at ${position} was lost: ${read.reason}`,
        );
      return read.body !== null;
    });
  }
}
