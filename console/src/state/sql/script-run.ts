/** Statements that run, with what has come of them. */
import type { AnsweredBy, Column, ResultBatch, StreamedResult } from '../../../../client/src/index.js';
import type { Problem } from '../problem.js';
import { BYTES_MAX, RowStore, type Values } from './row-store.js';
import { lineOfError, type Statement, shortName } from './split.js';

/** `skipped`: one before it failed, or was cancelled. */
export type StatementState = 'waiting' | 'running' | 'done' | 'failed' | 'cancelled' | 'skipped';

export interface ResultSet {
  readonly columns: readonly Column[];
  readonly rows: RowStore;
  /** So many there were when one looked. */
  readonly count: number;
  /** There are more than are kept. */
  readonly isCut: boolean;
}

export interface StatementLook {
  readonly number: number;
  readonly name: string;
  readonly text: string;
  readonly state: StatementState;
  readonly sets: readonly ResultSet[];
  /** What the node says of it, one for each result; empty before it tells. */
  readonly results: readonly StreamedResult[];
  readonly problem: Problem | null;
  /** Line of the editor's text at which the server found the error. */
  readonly errorLine: number | null;
}

export interface RunLook {
  readonly statements: readonly StatementLook[];
  readonly isRunning: boolean;
  readonly served: AnsweredBy | null;
}

interface Running {
  readonly statement: Statement;
  state: StatementState;
  readonly sets: { readonly number: number; columns: readonly Column[]; rows: RowStore; isCut: boolean }[];
  results: readonly StreamedResult[];
  problem: Problem | null;
}

/** What an error says of the statements, besides what people read. */
export interface FailureDetails {
  readonly statement?: number | null;
  readonly results?: readonly StreamedResult[] | null;
}

export class ScriptRun {
  /** The editor's text at that time. */
  readonly #sql: string;
  readonly #all: Running[];
  readonly #bytesMax: number;
  #isRunning = true;
  #served: AnsweredBy | null = null;

  constructor(sql: string, statements: readonly Statement[], bytesMax = BYTES_MAX) {
    this.#sql = sql;
    this.#bytesMax = bytesMax;
    this.#all = statements.map((statement, at) => ({
      statement,
      state: at === 0 ? 'running' : 'waiting',
      sets: [],
      results: [],
      problem: null,
    }));
  }

  /** Returns whether the rest of the rows is of no use: no more are kept, and no statement follows. */
  take({ statement, set, columns, rows }: ResultBatch<Values>): 'enough' | 'go on' {
    const running = this.#begin(statement);
    if (running === undefined) return 'go on';
    let into = running.sets.find(({ number }) => number === set);
    if (into === undefined) {
      into = { number: set, columns, rows: new RowStore({ bytesMax: this.#bytesLeft() }), isCut: false };
      running.sets.push(into);
    }
    if (into.rows.add(rows) === rows.length) return 'go on';
    into.isCut = true;
    return statement === this.#all.length - 1 ? 'enough' : 'go on';
  }

  /** Those before it are done. */
  #begin(statement: number): Running | undefined {
    for (const before of this.#all.slice(0, statement)) before.state = 'done';
    const running = this.#all[statement];
    if (running !== undefined) running.state = 'running';
    return running;
  }

  #bytesLeft(): number {
    const used = this.#all.flatMap(({ sets }) => sets).reduce((sum, { rows }) => sum + rows.bytes, 0);
    return Math.max(0, this.#bytesMax - used);
  }

  /** `served`: null = the rest was not waited for. */
  end(summary: (AnsweredBy & { readonly results: readonly StreamedResult[] }) | null): void {
    this.#isRunning = false;
    for (const one of this.#all) one.state = 'done';
    if (summary === null) return;
    this.#served = summary;
    this.#tell(summary.results);
  }

  #tell(results: readonly StreamedResult[]): void {
    for (const [at, one] of this.#all.entries())
      one.results = results.filter(({ statement }) => (statement ?? 0) === at);
  }

  fail(problem: Problem, { statement, results }: FailureDetails = {}): void {
    this.#isRunning = false;
    const now = this.#all.findIndex(({ state }) => state === 'running');
    const at = Math.min(this.#all.length - 1, Math.max(0, statement ?? now));
    const failed = this.#begin(at);
    if (failed === undefined) return;
    failed.state = problem.code === 'ABORTED' ? 'cancelled' : 'failed';
    failed.problem = problem;
    for (const rest of this.#all.slice(at + 1)) rest.state = 'skipped';
    if (results) this.#tell(results);
  }

  look(): RunLook {
    return {
      statements: this.#all.map(({ statement, state, sets, results, problem }, at) => ({
        number: at + 1,
        name: shortName(statement),
        text: statement.text,
        state,
        sets: sets.map(({ columns, rows, isCut }) => ({ columns, rows, isCut, count: rows.count })),
        results,
        problem,
        errorLine: problem && lineOfError(this.#sql, statement, problem.text),
      })),
      isRunning: this.#isRunning,
      served: this.#served,
    };
  }
}
