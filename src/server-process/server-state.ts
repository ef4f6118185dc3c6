import { randomInt } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type Static, Type } from '@sinclair/typebox';
import { readFileIfThere, replaceFile } from '../std/files.js';
import type { Logger } from '../std/logger.js';
import { StateFile } from '../std/state-file.js';

const Schema = Type.Object({
  /** Chosen once at random. It makes the ids of the servers of a cluster different. */
  instance: Type.Integer({ minimum: 0 }),
  /** Number of ids that the server has had. It gets a new one at each start, and when it becomes a replica's server. */
  starts: Type.Integer({ minimum: 0 }),
  /** TCP port of the last start. */
  port: Type.Union([Type.Integer(), Type.Null()]),
  /** The process that was started last. A record in the format of older builds is ignored. */
  process: Type.Union([
    Type.Object({ pid: Type.Integer(), startedAt: Type.Optional(Type.String()) }),
    Type.Null(),
  ]),
});

/** State of a managed server, in `server.json`. `server.pid` beside it has the bare number, for people and scripts. */
export type ServerState = Readonly<Static<typeof Schema>>;
export type StartedProcess = NonNullable<ServerState['process']>;

const FIRST_CLOSED_ID = 2_000_000_000;
const STARTS_PER_INSTANCE = 65_536;
/** Keeps the largest id below 4_000_000_000. */
const INSTANCES = 30_500;

/**
 * The server id for start number `starts`. It is new each time, and is never part of a GTID, because GTIDs have the id of
 * an epoch (rule C10).
 */
export function closedServerId(state: Pick<ServerState, 'instance' | 'starts'>): number {
  return FIRST_CLOSED_ID + state.instance * STARTS_PER_INSTANCE + (state.starts % STARTS_PER_INSTANCE);
}

/** True for the ids of closed servers and of replicas' servers. */
export function isClosedServerId(id: number): boolean {
  return id >= FIRST_CLOSED_ID;
}

export function newServerState(): ServerState {
  return { instance: randomInt(INSTANCES), starts: 0, port: null, process: null };
}

/** Everybody may read both files, because they contain no secret. */
const MODE = 0o644;

export class ServerStateFile {
  readonly #file: StateFile<typeof Schema, null>;
  readonly #pidPath: string;

  constructor(directory: string, { logger }: { logger: Logger }) {
    this.#file = new StateFile({
      path: join(directory, 'server.json'),
      schema: Schema,
      missing: null,
      // Everything in the file can be chosen again, and a running server is found without it.
      onDamage: { startOver: logger },
      mode: MODE,
    });
    this.#pidPath = join(directory, 'server.pid');
  }

  async read(): Promise<ServerState> {
    return (await this.#file.load()) ?? newServerState();
  }

  /** The number in server.pid, or null. */
  async readPid(): Promise<number | null> {
    const text = (await readFileIfThere(this.#pidPath)) ?? '';
    return /^\d+\s*$/.test(text) ? Number(text) : null;
  }

  async write(state: ServerState): Promise<void> {
    await this.#file.save(state);
    if (state.process === null) await rm(this.#pidPath, { force: true });
    else await replaceFile(this.#pidPath, `${state.process.pid}\n`, { mode: MODE, durable: false });
  }
}
