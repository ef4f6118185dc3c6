import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Endpoint } from '../../src/endpoint/endpoint.js';
import { mariadb } from '../../src/flavour/mariadb/mariadb.js';
import type { RecordBatch } from '../../src/model/records.js';
import { Spool } from '../../src/spool/spool.js';
import { diskStorage } from '../../src/spool/storage.js';
import { silentLogger } from '../../src/std/logger.js';
import { encodeRecord, RECORD_KIND, WHOLE } from '../../src/wire/record.js';
import { gtidIn } from './gtid.js';
import type { LoneServer } from './lone-server.js';
import { until } from './until.js';

const NONE = Buffer.alloc(0);

/** A spool and its endpoint, without a node: what feeds the server of a replica. */
export class FedBySpool {
  readonly spool: Spool;
  readonly #directory: string;
  #endpoint: Endpoint | null = null;
  #format: Buffer | null = null;

  private constructor(spool: Spool, directory: string) {
    this.spool = spool;
    this.#directory = directory;
  }

  static async create(): Promise<FedBySpool> {
    const directory = await mkdtemp(join(tmpdir(), 'skein-fed-'));
    const modules = { storage: diskStorage, logger: silentLogger, gtidText: mariadb.gtidText };
    return new FedBySpool(await Spool.open({ directory }, modules), directory);
  }

  take(batch: RecordBatch): boolean {
    const { epoch, ordinal } = this.spool.end;
    const kind = RECORD_KIND.format;
    if (batch.format !== this.#format) {
      const fields = { kind, flags: WHOLE, epoch, ordinal, atMs: 0, gtid: NONE, previousGtid: NONE };
      this.spool.append(encodeRecord(fields, batch.format));
    }
    this.#format = batch.format;
    this.spool.append(batch.bytes);
    return true;
  }

  /** Everything that the spool has counts as committed. Resolves when the server has applied it. */
  async feed(server: LoneServer): Promise<void> {
    await this.spool.flush();
    const { end } = this.spool;
    const errors: string[] = [];
    const endpoint = new Endpoint(
      {
        user: 'skein_repl',
        password: server.password('skein_repl'),
        serverId: 1,
      },
      {
        logger: silentLogger,
        flavour: mariadb,
        spool: this.spool,
        committed: () => end.ordinal,
        nameOf: (ordinal) => (ordinal === 0 ? '' : gtidIn(1, ordinal)),
        beforeDdl: async ({ ordinal }) => {
          await server.control.waitApplied(ordinal - 1, 10_000);
        },
        refused: (error) => errors.push(error.message),
      },
    );
    this.#endpoint = endpoint;
    await server.control.followEndpoint({
      host: '127.0.0.1',
      port: await endpoint.start(),
      user: 'skein_repl',
      password: server.password('skein_repl'),
      workers: 4,
    });
    await until(
      `the server has applied ${end.gtid}`,
      async () => (await server.control.status()).gtidSlavePos === end.gtid,
      {
        context: async () =>
          JSON.stringify([errors, await server.control.replicaStatus(), await server.control.status()]),
      },
    );
  }

  async dispose(): Promise<void> {
    await this.#endpoint?.stop();
    await this.spool.close();
    await rm(this.#directory, { recursive: true, force: true });
  }
}
