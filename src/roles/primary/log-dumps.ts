import type { Flavour } from '../../flavour/flavour.js';
import type { Chain } from '../../model/chain.js';
import type { Position } from '../../model/position.js';
import type { RecordBatch } from '../../model/records.js';
import type { DumpTarget } from '../../source/dump-connection.js';
import { Source, type SourceModules } from '../../source/source.js';
import { readXaLog, type XaLog } from '../../source/xa-log.js';
import type { Logger } from '../../std/logger.js';

export interface LogDumpsOptions {
  readonly annotateRows: boolean;
  readonly user: string;
  readonly password: string;
}

export interface LogDumpsModules {
  readonly logger: Logger;
  readonly flavour: Flavour;
  chain(): Chain;
  /** Socket of the running server; '' = no server runs. */
  socketPath(): string;
}

/**
 * Server ids of our dump connections, above the ids of the nodes' servers. The semi-sync dump always has the same id, because
 * the server then ends an older connection with that id at once. A dead connection with another id would count as a second
 * semi-sync client until its next heartbeat, seconds later. Each catch-up dump gets a new id, because several may run at once.
 */
const SEMI_SYNC_SERVER_ID = 3_900_000_000;
const CATCH_UP_SERVER_ID_FIRST = SEMI_SYNC_SERVER_ID + 1;
const CATCH_UP_SERVER_ID_SPAN = 90_000_000;

/** Makes dumps of the local server's log. */
export class LogDumps {
  readonly #options: LogDumpsOptions;
  readonly #modules: LogDumpsModules;
  #dumps = 0;

  constructor(options: LogDumpsOptions, modules: LogDumpsModules) {
    this.#options = options;
    this.#modules = modules;
  }

  /** A dump that acknowledges nothing: for a replica that is behind, or for this node's own copy. */
  catchUp(after: Position, batch: (batch: RecordBatch) => boolean): Source {
    return this.dump(after, { semiSync: false }, batch);
  }

  readXa(after: Position, until: Position, signal: AbortSignal): Promise<XaLog> {
    const range = { target: this.#target(), serverId: this.#catchUpId(), after, until };
    return readXaLog(range, { flavour: this.#modules.flavour, chain: this.#modules.chain, signal });
  }

  /** `otherId`: a semi-sync dump that does not wait for the end of the one before it. */
  dump(
    after: Position,
    how: { semiSync: boolean; batched?: boolean; otherId?: boolean },
    batch: (batch: RecordBatch) => boolean,
    more: Pick<SourceModules, 'statement' | 'groupRead'> = {},
  ): Source {
    const { flavour, logger, chain } = this.#modules;
    const { semiSync, batched, otherId = false } = how;
    const serverId = semiSync && !otherId ? SEMI_SYNC_SERVER_ID : this.#catchUpId();
    return new Source(
      { target: this.#target(), serverId, after, annotated: this.#options.annotateRows, semiSync, batched },
      {
        flavour,
        logger,
        chain,
        batch,
        ...more,
      },
    );
  }

  #catchUpId(): number {
    return CATCH_UP_SERVER_ID_FIRST + (this.#dumps++ % CATCH_UP_SERVER_ID_SPAN);
  }

  #target(): DumpTarget {
    const { user, password } = this.#options;
    return { socketPath: this.#modules.socketPath(), user, password };
  }
}
