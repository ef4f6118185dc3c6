/** Tables and rows, read with the account of the token's role: objects that it may not see count as absent. */

import { ApiError } from '../../api/api-error.js';
import { formatPosition } from '../../model/position.js';
import { executeSql } from '../../sql/execute.js';
import { planSql, type SqlPlan } from '../../sql/request.js';
import { ResultBuilder } from '../../sql/result-builder.js';
import type { ResultOutput } from '../../sql/result-output.js';
import {
  columnFacts,
  columnsQuestion,
  databasesQuestion,
  foreignKeyFacts,
  foreignKeysQuestion,
  indexesQuestion,
  indexFacts,
  indexPart,
  isSystemSchema,
  type Question,
  TABLES_MAX,
  tableFacts,
  tableQuestion,
  tablesQuestion,
} from '../../sql/schema/catalogue.js';
import {
  choosePageKey,
  decodeCursor,
  encodeCursor,
  type Order,
  type PageKey,
  pageStatement,
  quoted,
} from '../../sql/schema/keyset.js';
import { PageOutput } from '../../sql/schema/page-output.js';
import type { SqlOutcome } from '../../sql/sql-outcome.js';
import { PAGE_ROWS_DEFAULT } from '../endpoints/schema.js';
import type { Handler, HandlerModules, HandlerRequest } from './context.js';
import type { HandlerReply } from './reply.js';

type Row = Readonly<Record<string, string | number | null>>;

export const handleSchema: Handler = async (request, modules) => {
  const database = (request.query.database as string | undefined) ?? null;
  const { tables: answers, outcome } = await ask(
    [databasesQuestion(database), tablesQuestion(database)],
    request,
    modules,
  );
  const [databases = [], tables = []] = answers;
  const listed = tables.slice(0, TABLES_MAX);
  return reply(outcome, modules, {
    databases: databases.map((row) => ({
      name: row.SCHEMA_NAME,
      charset: row.DEFAULT_CHARACTER_SET_NAME,
      collation: row.DEFAULT_COLLATION_NAME,
      tables: listed.filter((table) => table.TABLE_SCHEMA === row.SCHEMA_NAME).map(tableFacts),
    })),
    complete: tables.length <= TABLES_MAX,
  });
};

export const handleTable: Handler = async (request, modules) => {
  const { database, table } = place(request);
  const { tables: answers, outcome } = await ask(
    [
      tableQuestion(database, table),
      columnsQuestion(database, table),
      indexesQuestion(database, table),
      foreignKeysQuestion(database, table),
      { sql: `SHOW CREATE TABLE ${quoted(database)}.${quoted(table)}`, params: [] },
    ],
    request,
    modules,
    // When the table does not exist, the last query fails; that is not an error of the server.
    ([found]) => {
      if (found?.length === 0) throw noSuchTable(database, table);
    },
  );
  const [found = [], columns = [], indexes = [], foreignKeys = [], ddl = []] = answers;
  const indexList = indexFacts(indexes);
  const primary = indexList.find(({ name }) => name === 'PRIMARY');
  return reply(outcome, modules, {
    database,
    ...tableFacts(found[0] ?? {}),
    columns: columns.map(columnFacts),
    primaryKey: primary ? primary.columns.map(({ name }) => name) : null,
    indexes: indexList,
    foreignKeys: foreignKeyFacts(foreignKeys),
    ddl: String(ddl[0]?.['Create Table'] ?? ddl[0]?.['Create View'] ?? ''),
  });
};

export const handleRows: Handler = async (request, modules) => {
  const { database, table } = place(request);
  const { limit = PAGE_ROWS_DEFAULT, order = 'asc', next, rows = 'array' } = request.query as RowsQuery;
  const { columns, key } = await keyOf(request, modules);
  const cursor = { database, table, key, order };
  const after = next === undefined ? null : decodeCursor(next, cursor);
  const statement = pageStatement({ ...cursor, columns, limit, after });
  const page = new PageOutput({ limit, rows }, request.answerRoom);
  const plan = { ...planOf([{ sql: statement.sql, params: [] }], request), statements: [statement] };
  const outcome = await run(plan, page, request, modules);
  if (outcome.error) throw outcome.error;
  const values = page.more ? page.lastValues() : null;
  const following =
    values &&
    encodeCursor(
      cursor,
      key.columns.map(({ name }) => values[columns.indexOf(name)]),
    );
  const head = JSON.stringify({ database, table, key: key.columns.map(({ name }) => name) });
  const tail = JSON.stringify({ next: following, ...answeredBy(outcome, modules) });
  return {
    kind: 'json',
    // Concatenated as text, because JSON columns may hold numbers that JavaScript cannot represent.
    body: `${head.slice(0, -1)},"columns":${page.columnsText},"rows":[${page.rows.join(',')}],${tail.slice(1)}`,
    headers: { 'x-skein-position': formatPosition(outcome.position) },
    facts: { rows: page.rowCount },
  };
};

interface RowsQuery {
  readonly limit?: number;
  readonly order?: Order;
  readonly next?: string;
  readonly rows?: 'array' | 'object';
}

/** @throws ApiError 404, 400 NO_KEY */
async function keyOf(
  request: HandlerRequest,
  modules: HandlerModules,
): Promise<{ columns: string[]; key: PageKey }> {
  const { database, table } = place(request);
  const { tables: answers } = await ask(
    [columnsQuestion(database, table), indexesQuestion(database, table)],
    request,
    modules,
  );
  const [columns = [], indexes = []] = answers;
  if (columns.length === 0) throw noSuchTable(database, table);
  const key = choosePageKey(
    indexes.map(indexPart),
    columns.map((row) => ({
      name: String(row.COLUMN_NAME),
      dataType: String(row.DATA_TYPE),
      columnType: String(row.COLUMN_TYPE),
    })),
  );
  if (key === null) {
    throw new ApiError(
      400,
      'NO_KEY',
      `${database}.${table} has no primary key and no unique key without NULL, so its rows have no order to read them page by page. Ask with SQL (POST /v1/sql).`,
    );
  }
  return { columns: columns.map((row) => String(row.COLUMN_NAME)), key };
}

/** @throws ApiError 404 */
function place({ params }: HandlerRequest): { database: string; table: string } {
  const { database = '', table = '' } = params;
  if (isSystemSchema(database)) throw noSuchTable(database, table);
  return { database, table };
}

function noSuchTable(database: string, table: string): ApiError {
  return new ApiError(404, 'NOT_FOUND', `There is no table ${database}.${table} that this token may read.`);
}

/** The rows of each query. `check` gets the results of the queries before one that failed. */
async function ask(
  questions: readonly Question[],
  request: HandlerRequest,
  modules: HandlerModules,
  check: (tables: readonly Row[][]) => void = () => {},
): Promise<{ tables: Row[][]; outcome: SqlOutcome }> {
  const builder = new ResultBuilder({ rows: 'object', bigint: 'string' }, request.answerRoom);
  const outcome = await run(planOf(questions, request), builder, request, modules);
  const tables = builder.results.map((text) => (JSON.parse(text) as { rows: Row[] }).rows);
  check(tables);
  if (outcome.error) throw outcome.error;
  return { tables, outcome };
}

function planOf(questions: readonly Question[], request: HandlerRequest): SqlPlan {
  const statements = questions.map(({ sql, params }) => ({ sql, params: [...params] }));
  return planSql({ statements }, request.header('x-skein-position'));
}

function run(
  plan: SqlPlan,
  output: ResultOutput,
  request: HandlerRequest,
  modules: HandlerModules,
): Promise<SqlOutcome> {
  const role = request.token?.role ?? 'read';
  const caller = {
    role,
    tokenId: request.token?.id ?? '',
    requestId: request.requestId,
    gone: request.gone,
  };
  return executeSql(plan, caller, output, modules.sql);
}

function answeredBy(outcome: SqlOutcome, { node }: HandlerModules) {
  return { position: formatPosition(outcome.position), node: node.name };
}

function reply(outcome: SqlOutcome, modules: HandlerModules, body: object): HandlerReply {
  return {
    kind: 'json',
    body: { ...body, ...answeredBy(outcome, modules) },
    headers: { 'x-skein-position': formatPosition(outcome.position) },
  };
}
