/** Polls the size of the server's temporary files. Above the limit, it ends the read that has written most. */

import type { EventLog } from '../events/event-log.js';
import type { RunningStatement } from '../mysql-control/running-statements.js';
import { tmpBytes, writtenByThread } from '../server-process/tmp-space.js';
import { readToEnd, type TmpStatement } from './tmp-budget.js';

export interface TmpWatchOptions {
  readonly node: string;
  /** Directory of the server's temporary files. */
  readonly directory: string;
  readonly bytesMax: number;
}

export interface TmpWatchModules {
  readonly events: EventLog;
  /** Null while the server is down. */
  readonly serverPid: () => number | null;
  readonly runningStatements: () => Promise<readonly RunningStatement[]>;
  readonly killQuery: (queryId: number) => Promise<void>;
}

/** Above this part of the limit, the node records how many bytes each thread writes. */
const NOTED_PART = 1 / 8;

export class TmpWatch {
  readonly #options: TmpWatchOptions;
  readonly #modules: TmpWatchModules;
  /** Bytes that the thread had written when the statement was first seen, by the statement's id. */
  #firstSeen = new Map<number, number>();
  #reported = false;

  constructor(options: TmpWatchOptions, modules: TmpWatchModules) {
    this.#options = options;
    this.#modules = modules;
  }

  async look(): Promise<void> {
    const { directory, bytesMax } = this.#options;
    const pid = this.#modules.serverPid();
    const bytes = pid === null ? null : await tmpBytes(pid, directory);
    if (pid === null || bytes === null || bytes < bytesMax * NOTED_PART) {
      this.#firstSeen.clear();
      this.#reported = false;
      return;
    }
    const statements = await this.#statements(pid);
    if (bytes <= bytesMax) return;
    const read = readToEnd(statements, { bytes, bytesMax });
    if (read !== null) await this.#end(read, bytes);
    else if (!this.#reported) this.#reportFull(bytes);
  }

  async #statements(pid: number): Promise<TmpStatement[]> {
    const firstSeen = new Map<number, number>();
    const statements: TmpStatement[] = [];
    for (const statement of await this.#modules.runningStatements()) {
      const written = (await writtenByThread(pid, statement.threadId)) ?? 0;
      const first = this.#firstSeen.get(statement.queryId) ?? written;
      firstSeen.set(statement.queryId, first);
      statements.push({ ...statement, writtenBytes: written - first });
    }
    this.#firstSeen = firstSeen;
    return statements;
  }

  async #end({ sessionId, queryId, account, writtenBytes }: TmpStatement, bytes: number): Promise<void> {
    await this.#modules.killQuery(queryId);
    this.#modules.events.add(
      'read.killed',
      this.#options.node,
      `The server's temporary files were ${bytes} bytes, at most ${this.#options.bytesMax} are allowed (serverTmpBytesMax). The read of ${account} that wrote most of them was ended.`,
      { account, sessionId, bytes, writtenBytes },
    );
  }

  #reportFull(bytes: number): void {
    this.#reported = true;
    this.#modules.events.add(
      'tmp.full',
      this.#options.node,
      `The server's temporary files are ${bytes} bytes, at most ${this.#options.bytesMax} are allowed (serverTmpBytesMax). No read has written them, and sessions that may be committing are not ended.`,
      { bytes },
    );
  }
}
