import { messageOf } from '../../../model/error.js';
import { type DifferingChunk, sameSums, type TableName, type TableReport } from '../../../model/verify.js';
import { errnoOf } from '../../../mysql-protocol/errno.js';
import { CHUNK_ROWS_FIRST, nextChunkRows } from '../../../verify/chunk-size.js';
import { type KeyRange, shownBorder, WHOLE_TABLE } from '../../../verify/key-range.js';
import { tableText } from '../../../verify/snapshot.js';
import type { ComparedChunk, SnapshotSet } from './snapshot-set.js';

/** Rows of a range that is reported as different: few enough for a person to check and to repair at once. */
export const NAMED_ROWS = 100;
/** Differing ranges of a table that are reported and repaired. */
const DIFFERENCES_MAX = 200;
/**
 * How often in a row a chunk is repeated because of DDL on its table. After that the table is not compared, because its
 * definition changes more often than the nodes agree on a position.
 */
const CHANGED_MAX = 12;
/** Rows of a range that is compared again. The range may have more rows by then. */
const RECHECK_ROWS = 10 * NAMED_ROWS;
const ENGINE = 'InnoDB';

export interface CompareModules {
  /** Snapshots at one position: the open ones, or new ones. `fresh`: new ones, at a later position. */
  snapshots(how: { fresh: boolean }): Promise<SnapshotSet>;
  /** The nodes that must be compared. */
  expected(): readonly string[];
  /** Pauses after a chunk that took `tookMs`, to leave time to the servers. Throws when the round was ended. */
  pause(tookMs: number): Promise<void>;
  compared(rows: number): void;
  unconfirmed(): void;
}

/** A range whose rows were not equal on all nodes at two positions. */
export interface Difference extends KeyRange {
  readonly chunk: DifferingChunk;
}

export interface TableOutcome {
  readonly report: TableReport;
  readonly differences: readonly Difference[];
}

/** Compares one table chunk by chunk. A differing chunk is compared again at a later position, in small ranges. */
export class TableComparison {
  readonly #table: TableName;
  readonly #modules: CompareModules;
  readonly #startedAt = new Date().toISOString();
  #from = '';
  #to = '';
  #rows = 0;
  #chunks = 0;
  #changed = 0;
  #suspects: KeyRange[] = [];
  #differences: Difference[] = [];
  #more = 0;
  /** Why the comparison of a node is not complete, by node. */
  readonly #missed = new Map<string, string>();
  /** Differences between definitions at the last position. They are reported when two positions have the same. */
  #otherwise: { at: number; text: string } | null = null;

  constructor(table: TableName, modules: CompareModules) {
    this.#table = table;
    this.#modules = modules;
  }

  /** Null: no node has the table any more. @throws the error that ended the round */
  async run(): Promise<TableOutcome | null> {
    try {
      return await this.#run();
    } catch (error) {
      // An error of the server about this table: a chunk takes too long, or the table cannot be read at all.
      if (errnoOf(error) === null) throw error;
      return this.#outcome('skipped', `The primary's server says: ${messageOf(error)}`);
    }
  }

  async #run(): Promise<TableOutcome | null> {
    const stopped = await this.#walk(WHOLE_TABLE, CHUNK_ROWS_FIRST, (compared) => {
      this.#chunks++;
      this.#rows += compared.sums?.rows ?? 0;
      this.#modules.compared(compared.sums?.rows ?? 0);
      if (differing(compared).length > 0) this.#suspects.push(compared.range);
    });
    if (stopped === 'gone') return null;
    if (stopped !== null) return this.#outcome(stopped.verdict, stopped.reason);
    for (const suspect of this.#suspects) await this.#confirm(suspect);
    const missed = [...this.#missed].map(([node, why]) => `${node} was not compared: ${why}`).join(' ');
    if (this.#differences.length > 0) return this.#outcome('differs', missed || null);
    return missed === '' ? this.#outcome('equal', null) : this.#outcome('skipped', missed);
  }

  /** Compares a range again at a later position, in small ranges, and notes those that differ. */
  async #confirm(range: KeyRange): Promise<void> {
    await this.#modules.snapshots({ fresh: true });
    const found: Difference[] = [];
    const stopped = await this.#walk(
      range,
      NAMED_ROWS,
      (compared) => {
        const nodes = differing(compared);
        const { range: part, shape } = compared;
        const key = shape?.key;
        if (nodes.length === 0) return;
        found.push({
          ...part,
          chunk: {
            after: part.after && key ? shownBorder(key, part.after) : null,
            upTo: part.upTo && key ? shownBorder(key, part.upTo) : null,
            key: key?.columns.map(({ name }) => name) ?? [],
            rows: compared.sums?.rows ?? 0,
            nodes,
            repair: null,
          },
        });
      },
      { isFixed: true },
    );
    if (found.length === 0 && stopped === null && this.#missed.size === 0) this.#modules.unconfirmed();
    const room = Math.max(0, DIFFERENCES_MAX - this.#differences.length);
    this.#differences.push(...found.slice(0, room));
    this.#more += Math.max(0, found.length - room);
  }

  /** Compares a range again at a later position. Returns the nodes that differ; null = none. */
  async recheck({ after, upTo }: KeyRange): Promise<{ nodes: { node: string; rows: number }[] } | null> {
    await this.#modules.snapshots({ fresh: true });
    const nodes: { node: string; rows: number }[] = [];
    await this.#walk({ after, upTo }, RECHECK_ROWS, (compared) => void nodes.push(...differing(compared)));
    return nodes.length === 0 ? null : { nodes };
  }

  /** Compares a range chunk by chunk. Null = the whole range was compared. */
  async #walk(
    { after: first, upTo }: KeyRange,
    firstRows: number,
    take: (compared: ComparedChunk) => void,
    { isFixed = false }: { isFixed?: boolean } = {},
  ): Promise<'gone' | { verdict: 'differs' | 'skipped'; reason: string } | null> {
    let after = first;
    let rows = firstRows;
    for (;;) {
      const snapshots = await this.#modules.snapshots({ fresh: false });
      const startedAtMs = performance.now();
      const compared = await snapshots.compare(this.#table, { after, upTo }, rows);
      if (this.#from === '') this.#from = snapshots.position.gtid;
      this.#to = snapshots.position.gtid;
      const judged = compared === null ? 'again' : this.#judge(snapshots, compared);
      if (compared === null || judged === 'again') {
        if (++this.#changed > CHANGED_MAX)
          return { verdict: 'skipped', reason: 'Frequent DDL on the table prevented the comparison.' };
        await this.#modules.snapshots({ fresh: true });
        continue;
      }
      this.#changed = 0;
      const { range } = compared;
      this.#noteNodes(snapshots);
      if (judged !== null) return judged;
      take(compared);
      const tookMs = performance.now() - startedAtMs;
      await this.#modules.pause(tookMs);
      if (range.upTo === upTo || range.upTo === null) return null;
      after = range.upTo;
      if (!isFixed) rows = nextChunkRows(rows, tookMs);
    }
  }

  #noteNodes(snapshots: SnapshotSet): void {
    for (const node of this.#modules.expected()) {
      if (snapshots.peers.has(node) || this.#missed.has(node)) continue;
      this.#missed.set(node, snapshots.leftOut.get(node) ?? 'It is not attached.');
    }
  }

  /** Finds differences that are not differences of rows: missing tables, other definitions, other engines. */
  #judge(
    snapshots: SnapshotSet,
    { shape, others }: ComparedChunk,
  ): 'again' | 'gone' | { verdict: 'differs' | 'skipped'; reason: string } | null {
    const texts: string[] = [];
    for (const [node, chunk] of others) {
      if (shape === null ? chunk !== null : chunk === null)
        texts.push(
          chunk === null
            ? `${node} does not have the table`
            : `${node} has the table, and the primary does not`,
        );
      else if (shape !== null && chunk !== null && chunk.digest !== shape.digest)
        texts.push(`${node} has another definition of the table`);
    }
    if (texts.length > 0) {
      const text = texts.join('; ');
      const before = this.#otherwise;
      this.#otherwise = { at: snapshots.position.ordinal, text };
      // Reported only when two positions have the same difference, because DDL may have been under way.
      if (before?.text === text)
        return { verdict: 'differs', reason: `${text}. The rows were not compared. Seed that node again.` };
      return 'again';
    }
    if (shape === null) return 'gone';
    if (shape.engine !== ENGINE)
      return {
        verdict: 'skipped',
        reason: `Its engine is ${shape.engine}, which has no consistent snapshot while clients write. Convert the table to InnoDB.`,
      };
    return null;
  }

  #outcome(verdict: TableReport['verdict'], reason: string | null): TableOutcome {
    return {
      differences: this.#differences,
      report: {
        table: tableText(this.#table),
        verdict,
        startedAt: this.#startedAt,
        finishedAt: new Date().toISOString(),
        from: this.#from,
        to: this.#to,
        rows: this.#rows,
        chunks: this.#chunks,
        nodes: this.#modules.expected().filter((node) => !this.#missed.has(node)),
        reason,
        differences: this.#differences.map(({ chunk }) => chunk),
        more: this.#more,
      },
    };
  }
}

function differing({ sums, others }: ComparedChunk): { node: string; rows: number }[] {
  if (sums === null) return [];
  return [...others].flatMap(([node, chunk]) =>
    chunk === null || sameSums(chunk.sums, sums) ? [] : [{ node, rows: chunk.sums.rows }],
  );
}
