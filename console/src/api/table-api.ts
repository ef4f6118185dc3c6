/** Tables and their rows, as the node that answers has them. */
import { type Column, type Schema, SkeinClient, type Table } from '../../../client/src/index.js';
import type { BoundStatement } from '../state/bound.js';
import { parseExactly } from '../state/exact-json.js';
import type { Place } from '../state/names.js';
import { type Order, PAGE_ROWS } from '../state/row-sql.js';

const READ_TIMEOUT_MS = 30_000;

/** From the endpoint for rows, which begins after a key; or from a statement, which counts the rows before. */
export type PageWish =
  | { readonly kind: 'keyset'; readonly order: Order; readonly next: string | null }
  | { readonly kind: 'statement'; readonly statement: BoundStatement; readonly offset: number };

export interface RowPage {
  readonly columns: readonly Column[];
  readonly rows: readonly (readonly unknown[])[];
  /** Where the next page begins; null = this was the last one. */
  readonly next: string | number | null;
}

export class TableApi {
  readonly #client: SkeinClient;
  readonly #token: string;
  readonly #node: () => string;

  constructor(client: SkeinClient, token: string, node: () => string) {
    this.#client = client;
    this.#token = token;
    this.#node = node;
  }

  schema(signal: AbortSignal): Promise<Schema> {
    return this.#client.call('getSchema', { node: this.#node(), signal, timeoutMs: READ_TIMEOUT_MS });
  }

  table(params: Place, signal: AbortSignal): Promise<Table> {
    return this.#client.call('getTable', { node: this.#node(), params, signal, timeoutMs: READ_TIMEOUT_MS });
  }

  async page(params: Place, wish: PageWish, signal: AbortSignal): Promise<RowPage> {
    const options = { node: this.#node(), signal, timeoutMs: READ_TIMEOUT_MS };
    if (wish.kind === 'keyset') {
      const { order, next } = wish;
      const query = { limit: PAGE_ROWS, order, ...(next !== null && { next }) };
      const page = await this.#client.call('getRows', { ...options, params, query });
      return { columns: page.columns, rows: page.rows as unknown[][], next: page.next };
    }
    const { sql, params: bound } = wish.statement;
    const answer = await this.#client.call('postSql', { ...options, body: { sql, params: [...bound] } });
    const [result] = answer.results;
    const rows = (result?.rows ?? []) as unknown[][];
    return {
      columns: result?.columns ?? [],
      rows: rows.slice(0, PAGE_ROWS),
      next: rows.length > PAGE_ROWS ? wish.offset + PAGE_ROWS : null,
    };
  }

  /** Done at most once, also when the answer is lost and it is sent again. Returns how many rows were changed. */
  async change({ sql, params }: BoundStatement): Promise<number> {
    const writer = new SkeinClient({
      nodes: this.#node(),
      token: this.#token,
      discover: false,
      parseJson: parseExactly,
    });
    return (await writer.execute(sql, params)).affectedRows;
  }
}
