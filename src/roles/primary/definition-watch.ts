import { messageOf } from '../../model/error.js';
import type { Logger } from '../../std/logger.js';
import { sleep } from '../../std/timing.js';
import type { DefinitionRepair, KnownDifference } from './definition-repair.js';

/**
 * Compares an open primary's definitions with those of a replica: after it was opened, and after DDL. Session variables that
 * are not in the log can make tables differ without any crash. A difference that is known before a crash does not count as a
 * result of the crash.
 */
export interface DefinitionWatchModules {
  readonly logger: Logger;
  readonly definitions: Pick<DefinitionRepair, 'differences' | 'saveKnown'>;
  /** A new difference was found. */
  found(reason: string): void;
  changed(): void;
}

/** Pause before a comparison, so that several DDL statements in a row cause only one. */
const QUIET_MS = 500;
/** Pause between the two reads of a comparison. DDL that was executed but not logged at the first is logged at the second. */
const BETWEEN_MS = 500;
/** Pause after a comparison, as a multiple of its duration, so that comparisons do not occupy the control connections. */
const REST_PER_LOOK = 10;
const TEXT_MAX = 400;
const NAMED_MAX = 5;

export class DefinitionWatch {
  readonly #modules: DefinitionWatchModules;
  #scope: AbortController | null = null;
  #wanted = false;
  #wake: (() => void) | null = null;
  #known: readonly KnownDifference[] = [];
  /** The saved differences are those of this run. */
  #isSaved = false;
  /** Differences that were reported by an event. */
  #reported = new Set<string>();

  constructor(modules: DefinitionWatchModules) {
    this.#modules = modules;
  }

  get warnings(): string[] {
    if (this.#known.length === 0) return [];
    const names = this.#known.slice(0, NAMED_MAX).map(({ object }) => object);
    const more = this.#known.length - names.length;
    return [
      `These definitions differ from a replica's: ${names.join(', ')}${more > 0 ? ` and ${more} more` : ''}. The events have details.`,
    ];
  }

  opened(): void {
    this.closed();
    const scope = new AbortController();
    this.#scope = scope;
    this.#wanted = true;
    this.#run(scope.signal).catch(() => {});
  }

  closed(): void {
    this.#scope?.abort();
    this.#scope = null;
    this.#wake?.();
  }

  /** The log has new DDL. */
  ddl(): void {
    this.#wanted = true;
    this.#wake?.();
  }

  async #run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      if (!this.#wanted) await new Promise<void>((resolve) => (this.#wake = resolve));
      this.#wake = null;
      await sleep(QUIET_MS, signal);
      this.#wanted = false;
      const started = performance.now();
      await this.#look(signal).catch((error: unknown) => {
        if (!signal.aborted)
          this.#modules.logger.warn({ reason: messageOf(error) }, 'definitions were not compared');
      });
      await sleep(REST_PER_LOOK * Math.max(0, performance.now() - started - BETWEEN_MS), signal);
    }
  }

  async #look(signal: AbortSignal): Promise<void> {
    const { definitions } = this.#modules;
    const once = await definitions.differences();
    const first = new Set(once?.map(({ name }) => name));
    if (first.size > 0) await sleep(BETWEEN_MS, signal);
    const second = first.size > 0 ? await definitions.differences() : once;
    // No replica can answer now, so the known differences stay.
    if (second === null) {
      this.#wanted = true;
      return;
    }
    // The server may have ended between the two reads.
    if (signal.aborted) return;
    const known = second.filter(({ name }) => first.has(name));
    const isNew = known.filter(({ name }) => !this.#reported.has(name));
    if (this.#isSaved && isNew.length === 0 && known.length === this.#known.length) return;
    await definitions.saveKnown(known.map(({ name }) => name));
    this.#isSaved = true;
    this.#known = known;
    this.#reported = new Set(known.map(({ name }) => name));
    for (const difference of isNew) this.#modules.found(textOf(difference));
    this.#modules.changed();
  }
}

function textOf({ object, node, own, theirs }: KnownDifference): string {
  return (
    `The definition of ${object} differs from that on ${node}, which has executed the same log. Here: ${own.slice(0, TEXT_MAX)} ` +
    `On ${node}: ${theirs.slice(0, TEXT_MAX)} The usual cause is a session variable that is not logged. ` +
    'The difference is now known, so it does not keep the primary closed after a crash. To make all nodes equal, drop the object and create it again.'
  );
}
