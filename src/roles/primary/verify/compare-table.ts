import { messageOf } from '../../../model/error.js';
import { type DifferingChunk, sameSums, type TableName, type TableReport } from '../../../model/verify.js';
import { CHUNK_ROWS_FIRST, nextChunkRows } from '../../../verify/chunk-size.js';
import { type KeyRange, shownBorder, WHOLE_TABLE } from '../../../verify/key-range.js';
import { tableText } from '../../../verify/snapshot.js';
import { errnoOf } from '../../../verify/sql-session.js';
import type { ComparedChunk, Sitting } from './sitting.js';

/** Rows of a range that is named as different: few enough to be looked at, and to be repaired at once. */
export const NAMED_ROWS = 100;
/** A table with more is not repaired range by range. */
const DIFFERENCES_MAX = 200;
/**
 * How often in a row a chunk is begun again because of DDL on its table. A table that is changed all the time, more often than
 * the nodes agree on a position, is not compared.
 */
const CHANGED_MAX = 12;
/** The range itself, however many rows it has by now. */
const RECHECK_ROWS = 10 * NAMED_ROWS;
const ENGINE = 'InnoDB';

export interface CompareModules {
  /** Snapshots at one position: those that are open, or new ones. `fresh`: certainly at a later position. */
  sitting(how: { fresh: boolean }): Promise<Sitting>;
  /** The nodes that ought to be compared. */
  expected(): readonly string[];
  /** After a chunk that took so long: leaves the servers some time. Throws when the round was ended. */
  pause(tookMs: number): Promise<void>;
  compared(rows: number): void;
  unconfirmed(): void;
}

/** A range that is not the same on all nodes, as two positions have shown. */
export interface Difference extends KeyRange {
  readonly chunk: DifferingChunk;
}

export interface TableOutcome {
  readonly report: TableReport;
  readonly differences: readonly Difference[];
}

/** Compares one table, chunk by chunk; what differs is compared again at a later position, in small ranges. */
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
  /** Why a node's comparison is not complete. */
  readonly #missed = new Map<string, string>();
  /** Of another definition, by node; said when two positions have shown it. */
  #otherwise: { at: number; text: string } | null = null;

  constructor(table: TableName, modules: CompareModules) {
    this.#table = table;
    this.#modules = modules;
  }

  /** Null: no node has the table any more. @throws what ended the round */
  async run(): Promise<TableOutcome | null> {
    try {
      return await this.#run();
    } catch (error) {
      // The server's own word about this table: it takes too long as one chunk, or cannot be read at all.
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

  /** Compares a range again, in small ranges and at a later position; and notes those that differ. */
  async #confirm(range: KeyRange): Promise<void> {
    await this.#modules.sitting({ fresh: true });
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

  /** Whether a range still differs, at a later position; null = it does not. */
  async recheck({ after, upTo }: KeyRange): Promise<{ nodes: { node: string; rows: number }[] } | null> {
    await this.#modules.sitting({ fresh: true });
    const nodes: { node: string; rows: number }[] = [];
    await this.#walk({ after, upTo }, RECHECK_ROWS, (compared) => void nodes.push(...differing(compared)));
    return nodes.length === 0 ? null : { nodes };
  }

  /** Null = all of it was compared. */
  async #walk(
    { after: first, upTo }: KeyRange,
    firstRows: number,
    take: (compared: ComparedChunk) => void,
    { isFixed = false }: { isFixed?: boolean } = {},
  ): Promise<'gone' | { verdict: 'differs' | 'skipped'; reason: string } | null> {
    let after = first;
    let rows = firstRows;
    for (;;) {
      const sitting = await this.#modules.sitting({ fresh: false });
      const startedAtMs = performance.now();
      const compared = await sitting.compare(this.#table, { after, upTo }, rows);
      if (this.#from === '') this.#from = sitting.position.gtid;
      this.#to = sitting.position.gtid;
      const judged = compared === null ? 'again' : this.#judge(sitting, compared);
      if (compared === null || judged === 'again') {
        if (++this.#changed > CHANGED_MAX)
          return { verdict: 'skipped', reason: 'DDL on the table kept it from being compared.' };
        await this.#modules.sitting({ fresh: true });
        continue;
      }
      this.#changed = 0;
      const { range } = compared;
      this.#noteNodes(sitting);
      if (judged !== null) return judged;
      take(compared);
      const tookMs = performance.now() - startedAtMs;
      await this.#modules.pause(tookMs);
      if (range.upTo === upTo || range.upTo === null) return null;
      after = range.upTo;
      if (!isFixed) rows = nextChunkRows(rows, tookMs);
    }
  }

  #noteNodes(sitting: Sitting): void {
    for (const node of this.#modules.expected()) {
      if (sitting.peers.has(node) || this.#missed.has(node)) continue;
      this.#missed.set(node, sitting.leftOut.get(node) ?? 'It is not attached.');
    }
  }

  /** What is not a difference of rows. */
  #judge(
    sitting: Sitting,
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
        texts.push(`${node} defines it otherwise`);
    }
    if (texts.length > 0) {
      const text = texts.join('; ');
      const before = this.#otherwise;
      this.#otherwise = { at: sitting.position.ordinal, text };
      // The same at two positions.
      if (before?.text === text)
        return { verdict: 'differs', reason: `${text}. Rows were not compared; seed that node again.` };
      return 'again';
    }
    if (shape === null) return 'gone';
    if (shape.engine !== ENGINE)
      return {
        verdict: 'skipped',
        reason: `Its engine is ${shape.engine}, which shows no consistent rows while others write. Convert it to InnoDB.`,
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
