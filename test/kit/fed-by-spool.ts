import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Endpoint, type HeldDdl } from '../../src/endpoint/endpoint.js';
import type { LogFlavour } from '../../src/flavour/flavour.js';
import { positionAt } from '../../src/flavour/history.js';
import { mariadb } from '../../src/flavour/mariadb/mariadb.js';
import { ORIGIN } from '../../src/model/position.js';
import type { RecordBatch } from '../../src/model/records.js';
import { Spool } from '../../src/spool/spool.js';
import { diskStorage } from '../../src/spool/storage.js';
import { silentLogger } from '../../src/std/logger.js';
import { encodeRecord, RECORD_KIND, WHOLE } from '../../src/wire/record.js';
import { epochEntry } from './chain-entry.js';
import type { LoneServer } from './lone-server.js';
import { until } from './until.js';

const NONE = Buffer.alloc(0);

/** The history of what is fed: one epoch, of n1. */
export const FED_CHAIN = [epochEntry(1, ORIGIN)];

/** A spool and its endpoint, without a node: what feeds the server of a replica. */
export class FedBySpool {
  readonly spool: Spool;
  /** What the endpoint had to refuse. */
  readonly errors: string[] = [];
  readonly #log: LogFlavour;
  readonly #directory: string;
  #endpoint: Endpoint | null = null;
  #format: Buffer | null = null;

  private constructor(spool: Spool, log: LogFlavour, directory: string) {
    this.spool = spool;
    this.#log = log;
    this.#directory = directory;
  }

  static async create(log: LogFlavour = mariadb): Promise<FedBySpool> {
    const directory = await mkdtemp(join(tmpdir(), 'skein-fed-'));
    const modules = { storage: diskStorage, logger: silentLogger, gtidText: log.gtidText };
    return new FedBySpool(await Spool.open({ directory }, modules), log, directory);
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

  /** Everything that the spool has counts as committed. Returns the endpoint's port. */
  async serve(
    login: { user: string; password: string },
    beforeDdl: (ddl: HeldDdl) => Promise<void> = async () => {},
  ): Promise<number> {
    this.#endpoint = new Endpoint(
      { ...login, serverId: 1 },
      {
        logger: silentLogger,
        flavour: this.#log,
        spool: this.spool,
        committed: () => this.spool.end.ordinal,
        nameOf: (ordinal) => positionAt(FED_CHAIN, ordinal, this.#log).gtid,
        reported: (gtid, ordinal) => this.#log.reported(gtid, FED_CHAIN, ordinal),
        beforeDdl,
        refused: (error) => this.errors.push(error.message),
      },
    );
    return await this.#endpoint.start();
  }

  /** There is more in the spool. */
  changed(): void {
    this.#endpoint?.changed();
  }

  /** Resolves when the server has applied everything. */
  async feed(server: LoneServer): Promise<void> {
    await this.spool.flush();
    const { end } = this.spool;
    const login = { user: 'skein_repl', password: server.password('skein_repl') };
    const port = await this.serve(login, async ({ ordinal }) => {
      await server.control.waitApplied(ordinal - 1, 10_000);
    });
    await server.control.followEndpoint({ host: '127.0.0.1', port, ...login, workers: 4 });
    await until(
      `the server has applied ${end.gtid}`,
      async () => (await server.control.status()).gtidSlavePos === end.gtid,
      {
        context: async () =>
          JSON.stringify([this.errors, await server.control.replicaStatus(), await server.control.status()]),
      },
    );
  }

  async dispose(): Promise<void> {
    await this.#endpoint?.stop();
    await this.spool.close();
    await rm(this.#directory, { recursive: true, force: true });
  }
}
