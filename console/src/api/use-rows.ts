import { useMemo, useState } from 'preact/hooks';
import type { Table } from '../../../client/src/index.js';
import type { Problem } from '../state/problem.js';
import { conditionOf, type Filter, type Order, selectStatement } from '../state/row-sql.js';
import { typeOf } from '../state/schema.js';
import { useSession } from './session.js';
import type { PageWish, RowPage } from './table-api.js';
import { useAnswer } from './use-answer.js';

const LIVE_MS = 2000;

export interface Rows {
  readonly page: RowPage | null;
  readonly problem: Problem | null;
  readonly busy: boolean;
  readonly order: Order;
  readonly filter: Filter | null;
  /** The first is 1. */
  readonly number: number;
  /** Read again every two seconds. */
  readonly live: boolean;
  setLive(live: boolean): void;
  setOrder(order: Order): void;
  /** Returns what is wrong with its value; null = it is applied. */
  setFilter(filter: Filter | null): string | null;
  /** Null: there is no such page. */
  readonly next: (() => void) | null;
  readonly previous: (() => void) | null;
  refresh(): void;
}

/** One page of rows at a time. Where each page before began is remembered, so that one can go back. */
export function useRows(table: Table, key: readonly string[] | null): Rows {
  const { api, self, onProblem } = useSession();
  const [order, setOrder] = useState<Order>('asc');
  const [filter, setFilter] = useState<Filter | null>(null);
  const [starts, setStarts] = useState<readonly (string | number | null)[]>([null]);
  const [live, setLive] = useState(false);
  // What the columns are called is known from the first page on; a filter comes after it.
  const [columns, setColumns] = useState<RowPage['columns']>([]);
  const start = starts.at(-1) ?? null;
  const ask = useMemo(() => {
    if (self === '') return null;
    const place = { database: table.database, table: table.name };
    const wish = wishOf(table, { key, order, filter, start, columns });
    return async (signal: AbortSignal) => {
      const page = await api.tables.page(place, wish, signal);
      setColumns((old) => (old.length === 0 ? page.columns : old));
      return page;
    };
    // The columns are only filled once, and a filter needs them first.
  }, [api, self, table, key, order, filter, start]);
  const answer = useAnswer(ask, { everyMs: live ? LIVE_MS : null, onProblem });
  const { value: page, problem, busy, refresh } = answer;
  const begin = () => setStarts([null]);
  const following = page?.next ?? null;
  return {
    page,
    problem,
    busy,
    order,
    filter,
    live,
    number: starts.length,
    setLive,
    setOrder(next) {
      setOrder(next);
      begin();
    },
    setFilter(next) {
      const wrong = next === null ? null : wrongOf(next, columns);
      if (wrong !== null) return wrong;
      setFilter(next);
      begin();
      return null;
    },
    next: following === null || key === null ? null : () => setStarts([...starts, following]),
    previous: starts.length === 1 ? null : () => setStarts(starts.slice(0, -1)),
    refresh,
  };
}

function wrongOf(filter: Filter, columns: RowPage['columns']): string | null {
  const result = conditionOf(filter, typeOf(columns, filter.column));
  return 'wrong' in result ? result.wrong : null;
}

function wishOf(
  table: Table,
  wish: {
    readonly key: readonly string[] | null;
    readonly order: Order;
    readonly filter: Filter | null;
    readonly start: string | number | null;
    readonly columns: RowPage['columns'];
  },
): PageWish {
  const { key, order, filter, start, columns } = wish;
  if (filter === null && key !== null)
    return { kind: 'keyset', order, next: typeof start === 'string' ? start : null };
  const found = filter && conditionOf(filter, typeOf(columns, filter.column));
  const condition = found !== null && 'condition' in found ? found.condition : null;
  const offset = typeof start === 'number' ? start : 0;
  const place = { database: table.database, table: table.name };
  const names = table.columns.map(({ name }) => name);
  const statement = selectStatement({ place, columns: names, key, order, condition, offset });
  return { kind: 'statement', statement, offset };
}
