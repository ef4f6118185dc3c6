import { randomInt } from 'node:crypto';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { replaceFile } from '../std/files.js';

/** The process that was started last: with the boot it belongs to, these name it for certain. */
export interface StartedProcess {
  readonly pid: number;
  readonly startTicks: string;
  readonly bootId: string;
}

/** What a managed server keeps about itself in `server.json`, beside `server.pid` (the bare number, for people and scripts). */
export interface ServerState {
  /** Chosen once: keeps the server ids of one cluster's servers apart. */
  readonly instance: number;
  /** How often a server process was started here. */
  readonly starts: number;
  /** TCP port of the last start. */
  readonly port: number | null;
  readonly process: StartedProcess | null;
}

const FIRST_CLOSED_ID = 2_000_000_000;
const STARTS_PER_INSTANCE = 65_536;
/** Keeps the largest id below 4_000_000_000. */
const INSTANCES = 30_500;

/** The server id of start number `starts`: fresh each time, and never in a GTID (rule C10: those come from the epoch). */
export function closedServerId(state: Pick<ServerState, 'instance' | 'starts'>): number {
  return FIRST_CLOSED_ID + state.instance * STARTS_PER_INSTANCE + (state.starts % STARTS_PER_INSTANCE);
}

/** Whether an id is one of those that closed servers and replicas get. */
export function isClosedServerId(id: number): boolean {
  return id >= FIRST_CLOSED_ID;
}

export function newServerState(): ServerState {
  return { instance: randomInt(INSTANCES), starts: 0, port: null, process: null };
}

export class ServerStateFile {
  readonly #jsonPath: string;
  readonly #pidPath: string;

  constructor(directory: string) {
    this.#jsonPath = join(directory, 'server.json');
    this.#pidPath = join(directory, 'server.pid');
  }

  /** A missing or unreadable file is a new state: it holds nothing that can not be chosen again. */
  async read(): Promise<ServerState> {
    try {
      const value = JSON.parse(await readFile(this.#jsonPath, 'utf8')) as Partial<ServerState>;
      const { instance, starts, port, process } = value;
      if (!Number.isInteger(instance) || !Number.isInteger(starts)) return newServerState();
      return {
        instance: instance as number,
        starts: starts as number,
        port: typeof port === 'number' ? port : null,
        process: process && typeof process.pid === 'number' ? process : null,
      };
    } catch {
      return newServerState();
    }
  }

  /** The number in server.pid, or null. */
  async readPid(): Promise<number | null> {
    const text = await readFile(this.#pidPath, 'utf8').catch(() => '');
    return /^\d+\s*$/.test(text) ? Number(text) : null;
  }

  async write(state: ServerState): Promise<void> {
    await replaceFile(this.#jsonPath, `${JSON.stringify(state, null, 2)}\n`);
    if (state.process === null) await rm(this.#pidPath, { force: true });
    else await replaceFile(this.#pidPath, `${state.process.pid}\n`);
  }
}
