import { join } from 'node:path';
import { Type } from '@sinclair/typebox';
import type { Standing } from '../model/election-messages.js';
import { messageOf } from '../model/error.js';
import type { Clock, Timer } from '../std/clock.js';
import { exists } from '../std/files.js';
import type { Logger } from '../std/logger.js';
import { StateFile } from '../std/state-file.js';
import type { PeerView } from './state.js';

const Count = Type.Integer({ minimum: 0 });

const Schema = Type.Record(
  Type.String(),
  Type.Object({
    incarnation: Type.String(),
    boot: Count,
    promisedEpoch: Count,
    // The end of a log that has not reached its first entry has epoch -1.
    position: Type.Object({ epoch: Type.Integer({ minimum: -1 }), number: Count, ordinal: Count }),
    abstains: Type.Boolean(),
  }),
);

/** It changes with each heartbeat, and is only worth something after a restart. */
const SAVE_INTERVAL_MS = 10_000;

const pathIn = (stateDirectory: string): string => join(stateDirectory, 'peers.json');

/** This node has taken part in elections: it had a promise before it heard of others. */
export function hasSeenPeers(stateDirectory: string): Promise<boolean> {
  return exists(pathIn(stateDirectory));
}

/**
 * What this node has seen of the others, so that one whose disk was set back while this node was down is noticed too (rule
 * E5). An older content, or none, only notices less.
 */
export class PeersFile {
  readonly #file: StateFile<typeof Schema, Record<string, never>>;
  readonly #logger: Logger;
  readonly #clock: Clock;
  #latest: ReadonlyMap<string, PeerView> | null = null;
  #timer: Timer | null = null;
  #saving: Promise<void> = Promise.resolve();

  constructor(stateDirectory: string, { logger, clock }: { logger: Logger; clock: Clock }) {
    this.#logger = logger;
    this.#clock = clock;
    this.#file = new StateFile({
      path: pathIn(stateDirectory),
      schema: Schema,
      missing: {},
      onDamage: { startOver: logger },
      durable: false,
    });
  }

  async load(): Promise<ReadonlyMap<string, PeerView>> {
    const standings = Object.entries<Standing>(await this.#file.load());
    const view = (standing: Standing) => ({ standing, offer: null, heardAtMs: Number.NEGATIVE_INFINITY });
    return new Map(standings.map(([name, standing]) => [name, view(standing)]));
  }

  /** Some time later, or by `flush`. */
  save(peers: ReadonlyMap<string, PeerView>): void {
    this.#latest = peers;
    this.#timer ??= this.#clock.setTimer(SAVE_INTERVAL_MS, () => void this.flush());
  }

  /** Resolves when no write is under way; never rejects. */
  flush(): Promise<void> {
    this.#clock.clearTimer(this.#timer);
    this.#timer = null;
    const latest = this.#latest;
    this.#latest = null;
    if (latest === null) return this.#saving;
    const standings = Object.fromEntries([...latest].map(([name, { standing }]) => [name, standing]));
    this.#saving = this.#file
      .save(standings)
      .catch((error: unknown) =>
        this.#logger.warn({ reason: messageOf(error) }, 'what was seen of other nodes could not be written'),
      );
    return this.#saving;
  }
}
