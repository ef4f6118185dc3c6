import type { Connection } from 'mysql2/promise';
import { type Row, rowsOf, run, type SqlNode, scalarOf, withSql } from './sql-node.js';
import { until } from './until.js';

const SYSTEM_SCHEMAS = `('mysql','information_schema','performance_schema','sys')`;

export interface ChecksumReport {
  gtid: string;
  /** Quoted `schema`.`table` -> checksum, the same on every node. */
  tables: Map<string, string>;
  durationMs: number;
}

export interface ChecksumOptions {
  /** How long a replica may take to reach the agreed GTID. */
  deadlineMs?: number;
  /** Only these schemas; by default every schema that is not the server's own. */
  schemas?: readonly string[];
}

/** What a replica has applied and shows: its binary log is ahead of that while a large commit is under way. */
async function appliedGtid(connection: Connection): Promise<string> {
  return (await scalarOf(connection, 'SELECT @@GLOBAL.gtid_slave_pos')) ?? '';
}

/** The last GTID in the server's binary log; the engine may still be committing it. */
export async function binlogGtid(connection: Connection): Promise<string> {
  return (await scalarOf(connection, 'SELECT @@GLOBAL.gtid_binlog_pos')) ?? '';
}

/** The later of both positions: only the binary log has a primary's own writes, and it is empty after a server was filled. */
async function standsAt(connection: Connection): Promise<string> {
  const [applied, logged] = [await appliedGtid(connection), await binlogGtid(connection)];
  return sequenceOf(applied) > sequenceOf(logged) ? applied : logged;
}

/** Waits until every replica has applied what stands in the primary's binary log now; returns that GTID. */
export async function waitApplied(
  primary: SqlNode,
  replicas: readonly SqlNode[],
  deadlineMs = 60_000,
): Promise<string> {
  const gtid = await until(`${primary.name} tells its GTID`, () => withSql(primary, binlogGtid), {
    deadlineMs,
  });
  await Promise.all(replicas.map((replica) => waitForGtid(replica, gtid, deadlineMs)));
  return gtid;
}

/** Polls, because MASTER_GTID_WAIT would hang on a replica whose server is killed and started again meanwhile. */
async function waitForGtid(node: SqlNode, gtid: string, deadlineMs = 60_000): Promise<void> {
  const wanted = sequenceOf(gtid);
  let seen = '';
  await until(
    `${node.name} has applied ${gtid}`,
    async () => {
      seen = await withSql(node, appliedGtid);
      return sequenceOf(seen) >= wanted;
    },
    { deadlineMs, context: () => `${node.name} stands at ${seen || 'no GTID'}` },
  );
}

/** The sequence number of a single-domain MariaDB GTID position. */
export function sequenceOf(gtid: string): number {
  return gtid === '' ? 0 : Number(gtid.split('-')[2]);
}

/**
 * At rest: every node stands at the same GTID before and after its checksums were computed.
 * Nobody may write meanwhile (a moved GTID is an error, not a retry: the test said that all is quiet).
 */
export async function checksumAtRest(
  primary: SqlNode,
  replicas: readonly SqlNode[],
  options: ChecksumOptions = {},
): Promise<ChecksumReport> {
  const started = performance.now();
  const gtid = await waitApplied(primary, replicas, options.deadlineMs);
  const nodes = [primary, ...replicas];
  const results = await Promise.all(
    nodes.map((node) =>
      withSql(node, async (connection) => {
        const before = await standsAt(connection);
        const tables = await checksums(connection, await userTables(connection, options.schemas), node);
        const definitions = await schemaDefinitions(connection, options.schemas);
        const after = await standsAt(connection);
        if (before !== gtid || after !== gtid) {
          throw new Error(
            `${node.name} is not at rest: ${gtid} was agreed, it went from ${before} to ${after}`,
          );
        }
        return { tables, definitions };
      }),
    ),
  );
  compareMaps(
    'checksums',
    gtid,
    nodes,
    results.map((result) => result.tables),
  );
  compareMaps(
    'definitions',
    gtid,
    nodes,
    results.map((result) => result.definitions),
  );
  return { gtid, tables: results[0]?.tables ?? new Map(), durationMs: performance.now() - started };
}

/**
 * At one agreed GTID while writes go on: a read lock holds the primary's commits for the few milliseconds in which
 * every replica reaches the primary's GTID and every node opens a consistent snapshot there; each snapshot's own
 * GTID is then read back (MariaDB keeps the binary log position of a snapshot), and the checksums are computed inside
 * the snapshots while the writers go on.
 *
 * Why so: to stop the replicas exactly there (START SLAVE UNTIL, or a gate) would meddle with the very thing under
 * test, and snapshots opened without a pause hardly ever meet at the same transaction under load. Each snapshot also
 * takes its tables' metadata locks before the read lock is given back: DDL after the snapshot would show through it
 * (seen: a rebuilt partitioned table read in part, without an error).
 */
export async function checksumWhileWriting(
  primary: SqlNode,
  replicas: readonly SqlNode[],
  options: ChecksumOptions = {},
): Promise<ChecksumReport> {
  const started = performance.now();
  const nodes = [primary, ...replicas];
  const opened: Connection[] = [];
  try {
    for (const node of nodes) opened.push(await node.connect());
    const agreed = await agreeOnSnapshot(primary, nodes, opened, options);
    const results = await Promise.all(
      opened.map((connection, i) => checksums(connection, agreed.tables[i] ?? [], nodes[i])),
    );
    try {
      compareMaps('checksums', agreed.gtid, nodes, results);
    } catch (error) {
      throw new Error(`${(error as Error).message}\n${await differences(opened, nodes, results)}`);
    }
    return { gtid: agreed.gtid, tables: results[0] ?? new Map(), durationMs: performance.now() - started };
  } finally {
    for (const connection of opened) connection.destroy();
  }
}

async function agreeOnSnapshot(
  primary: SqlNode,
  nodes: readonly SqlNode[],
  opened: readonly Connection[],
  options: ChecksumOptions,
): Promise<{ gtid: string; tables: string[][] }> {
  const { deadlineMs = 60_000 } = options;
  return await withSql(primary, async (lock) => {
    await lockCommits(lock, primary, deadlineMs);
    try {
      const gtid = await binlogGtid(lock);
      await Promise.all(nodes.slice(1).map((replica) => waitForGtid(replica, gtid, deadlineMs)));
      const tables = await Promise.all(
        opened.map(async (connection, i) => {
          const seen = await openSnapshot(connection);
          if (seen !== gtid) {
            throw new Error(
              `${nodes[i]?.name}: its snapshot stands at ${seen}, but ${gtid} is agreed and locked`,
            );
          }
          return await holdTables(connection, options.schemas);
        }),
      );
      return { gtid, tables };
    } finally {
      await run(lock, 'UNLOCK TABLES');
    }
  });
}

/** Tries again and again: without a time-out the lock would queue behind a long statement, and all writers behind it. */
async function lockCommits(lock: Connection, primary: SqlNode, deadlineMs: number): Promise<void> {
  await run(lock, 'SET SESSION lock_wait_timeout = 3');
  await until(
    `${primary.name} grants the read lock`,
    async () => {
      await run(lock, 'FLUSH TABLES WITH READ LOCK');
      return true;
    },
    { deadlineMs },
  );
}

/** Takes the metadata lock of every user table for the rest of the transaction; returns the tables. */
async function holdTables(connection: Connection, schemas?: readonly string[]): Promise<string[]> {
  const tables = await userTables(connection, schemas);
  for (const table of tables) await rowsOf(connection, `SELECT 1 FROM ${table} LIMIT 0`);
  return tables;
}

/** Opens a consistent snapshot and returns the GTID that it shows, read from the snapshot's binary log position. */
async function openSnapshot(connection: Connection): Promise<string> {
  await run(connection, 'SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ');
  await run(connection, 'START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY');
  const status = await rowsOf(connection, `SHOW STATUS LIKE 'binlog_snapshot_%'`);
  const field = (name: string) =>
    status.find((row) => String(row.Variable_name).toLowerCase() === name)?.Value;
  const file = field('binlog_snapshot_file');
  const position = field('binlog_snapshot_position');
  return (await scalarOf(connection, 'SELECT BINLOG_GTID_POS(?, ?)', [file, Number(position)])) ?? '';
}

function quoted(name: string): string {
  return `\`${name.replaceAll('`', '``')}\``;
}

async function userTables(connection: Connection, schemas?: readonly string[]): Promise<string[]> {
  const rows = await rowsOf(
    connection,
    `SELECT TABLE_SCHEMA s, TABLE_NAME t FROM information_schema.TABLES
     WHERE TABLE_TYPE IN ('BASE TABLE', 'SYSTEM VERSIONED') AND TABLE_SCHEMA NOT IN ${SYSTEM_SCHEMAS} ORDER BY 1, 2`,
  );
  return rows
    .filter((row) => !schemas || schemas.includes(String(row.s)))
    .map((row) => `${quoted(String(row.s))}.${quoted(String(row.t))}`);
}

/** What the rows of each table sum up to, in whatever order they stand. */
export async function checksums(
  connection: Connection,
  tables: readonly string[],
  { name }: Pick<SqlNode, 'name'> = { name: 'the server' },
): Promise<Map<string, string>> {
  const generated = await tablesWithGeneratedColumns(connection);
  const sums = new Map<string, string>();
  for (const table of tables) {
    const columns = generated.get(table);
    sums.set(
      table,
      columns ? await rowHashes(connection, table, columns) : await checksumOf(connection, table, name),
    );
  }
  return sums;
}

async function checksumOf(connection: Connection, table: string, node: string): Promise<string> {
  const [row] = await rowsOf(connection, `CHECKSUM TABLE ${table}`);
  if (row && row.Checksum !== null) return String(row.Checksum);
  const warnings = await rowsOf(connection, 'SHOW WARNINGS');
  const text = warnings.map((warning) => `${warning.Code} ${warning.Message}`).join('; ');
  throw new Error(`${node}: CHECKSUM TABLE ${table} gave nothing: ${text || 'no warning'}`);
}

/**
 * MariaDB 10.11 does not read generated columns for CHECKSUM TABLE, VIRTUAL or STORED: it sums up what happens to lie in the
 * row buffer. Two tables with the same rows differ (seen; FLUSH TABLES and ALTER TABLE ... FORCE change it), and two with other
 * values in a STORED column may not. Such tables get row hashes by SELECT instead.
 */
async function tablesWithGeneratedColumns(connection: Connection): Promise<Map<string, string[]>> {
  const rows = await rowsOf(
    connection,
    `SELECT c.TABLE_SCHEMA s, c.TABLE_NAME t, c.COLUMN_NAME n, c.DATA_TYPE d FROM information_schema.COLUMNS c
     WHERE (c.TABLE_SCHEMA, c.TABLE_NAME) IN (SELECT TABLE_SCHEMA, TABLE_NAME FROM information_schema.COLUMNS
       WHERE EXTRA LIKE '%GENERATED%' AND TABLE_SCHEMA NOT IN ${SYSTEM_SCHEMAS})
     ORDER BY 1, 2, c.ORDINAL_POSITION`,
  );
  const found = new Map<string, string[]>();
  for (const { s, t, n, d } of rows) {
    const table = `${quoted(String(s))}.${quoted(String(t))}`;
    const column = quoted(String(n));
    found.set(table, [...(found.get(table) ?? []), `IFNULL(${exactText(column, String(d))}, '-')`]);
  }
  return found;
}

/** HEX of a number would round it, and a FLOAT as text has six digits; HEX of text and bytes is exact in any character set. */
function exactText(column: string, type: string): string {
  if (/char|text|binary|blob|enum|set|point|string|polygon|geometry/.test(type)) return `HEX(${column})`;
  return `CAST(${type === 'float' ? `CAST(${column} AS DOUBLE)` : column} AS CHAR)`;
}

async function rowHashes(connection: Connection, table: string, columns: readonly string[]): Promise<string> {
  const row = `CONCAT_WS('|', ${columns.join(', ')})`;
  const sum = await scalarOf(
    connection,
    `SELECT CONCAT_WS(':', COUNT(*), SUM(CRC32(r)), BIT_XOR(CAST(CONV(SUBSTR(MD5(r), 1, 16), 16, 10) AS UNSIGNED)))
     FROM (SELECT ${row} r FROM ${table}) hashed`,
  );
  return sum ?? 'nothing';
}

/** What is not rows: definitions of tables, views, triggers, routines, events, and the state of sequences. */
async function schemaDefinitions(
  connection: Connection,
  schemas?: readonly string[],
): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for (const { kind, sql } of DEFINITIONS) {
    for (const row of await rowsOf(connection, sql)) {
      const { s, n, ...rest } = row as Row & { s: string; n: string };
      if (!schemas || schemas.includes(s)) found.set(`${kind} ${s}.${n}`, JSON.stringify(rest));
    }
  }
  const sequences = await rowsOf(
    connection,
    `SELECT TABLE_SCHEMA s, TABLE_NAME n FROM information_schema.TABLES WHERE TABLE_TYPE = 'SEQUENCE'`,
  );
  for (const { s, n } of sequences) {
    if (schemas && !schemas.includes(String(s))) continue;
    const [state] = await rowsOf(connection, `SELECT * FROM ${quoted(String(s))}.${quoted(String(n))}`);
    found.set(`sequence ${s}.${n}`, JSON.stringify(state));
  }
  return found;
}

const DEFINITIONS = [
  {
    kind: 'column',
    sql: `SELECT TABLE_SCHEMA s, CONCAT(TABLE_NAME, '.', COLUMN_NAME) n, ORDINAL_POSITION, COLUMN_DEFAULT, IS_NULLABLE,
          COLUMN_TYPE, CHARACTER_SET_NAME, COLLATION_NAME, COLUMN_KEY, EXTRA, IS_GENERATED, GENERATION_EXPRESSION
          FROM information_schema.COLUMNS WHERE TABLE_SCHEMA NOT IN ${SYSTEM_SCHEMAS}`,
  },
  {
    kind: 'table',
    sql: `SELECT TABLE_SCHEMA s, TABLE_NAME n, TABLE_TYPE, ENGINE, ROW_FORMAT, TABLE_COLLATION, CREATE_OPTIONS, TABLE_COMMENT
          FROM information_schema.TABLES WHERE TABLE_SCHEMA NOT IN ${SYSTEM_SCHEMAS}`,
  },
  {
    kind: 'index',
    sql: `SELECT TABLE_SCHEMA s, CONCAT(TABLE_NAME, '.', INDEX_NAME, '.', SEQ_IN_INDEX) n, COLUMN_NAME, NON_UNIQUE,
          INDEX_TYPE, SUB_PART FROM information_schema.STATISTICS WHERE TABLE_SCHEMA NOT IN ${SYSTEM_SCHEMAS}`,
  },
  {
    kind: 'foreign key',
    sql: `SELECT CONSTRAINT_SCHEMA s, CONSTRAINT_NAME n, TABLE_NAME, REFERENCED_TABLE_NAME, UPDATE_RULE, DELETE_RULE
          FROM information_schema.REFERENTIAL_CONSTRAINTS WHERE CONSTRAINT_SCHEMA NOT IN ${SYSTEM_SCHEMAS}`,
  },
  {
    kind: 'partition',
    sql: `SELECT TABLE_SCHEMA s, CONCAT(TABLE_NAME, '.', IFNULL(PARTITION_NAME, ''), '.', IFNULL(SUBPARTITION_NAME, '')) n,
          PARTITION_METHOD, PARTITION_EXPRESSION, PARTITION_DESCRIPTION FROM information_schema.PARTITIONS
          WHERE PARTITION_NAME IS NOT NULL AND TABLE_SCHEMA NOT IN ${SYSTEM_SCHEMAS}`,
  },
  {
    kind: 'view',
    sql: `SELECT TABLE_SCHEMA s, TABLE_NAME n, VIEW_DEFINITION, CHECK_OPTION, SECURITY_TYPE, DEFINER
          FROM information_schema.VIEWS WHERE TABLE_SCHEMA NOT IN ${SYSTEM_SCHEMAS}`,
  },
  {
    kind: 'trigger',
    sql: `SELECT TRIGGER_SCHEMA s, TRIGGER_NAME n, EVENT_MANIPULATION, EVENT_OBJECT_TABLE, ACTION_ORDER,
          ACTION_STATEMENT, ACTION_TIMING, SQL_MODE, DEFINER FROM information_schema.TRIGGERS
          WHERE TRIGGER_SCHEMA NOT IN ${SYSTEM_SCHEMAS}`,
  },
  {
    kind: 'routine',
    sql: `SELECT ROUTINE_SCHEMA s, CONCAT(ROUTINE_TYPE, ' ', ROUTINE_NAME) n, DTD_IDENTIFIER, ROUTINE_DEFINITION,
          SQL_DATA_ACCESS, SECURITY_TYPE, SQL_MODE, DEFINER FROM information_schema.ROUTINES
          WHERE ROUTINE_SCHEMA NOT IN ${SYSTEM_SCHEMAS}`,
  },
  {
    // STATUS is left out on purpose: a replica says SLAVESIDE_DISABLED, which is what keeps it from running twice.
    kind: 'event',
    sql: `SELECT EVENT_SCHEMA s, EVENT_NAME n, EVENT_DEFINITION, EVENT_TYPE, INTERVAL_VALUE, INTERVAL_FIELD, SQL_MODE, DEFINER
          FROM information_schema.EVENTS WHERE EVENT_SCHEMA NOT IN ${SYSTEM_SCHEMAS}`,
  },
] as const;

/** The first rows that not all nodes have, of tables whose sums differ. */
async function differences(
  opened: readonly Connection[],
  nodes: readonly SqlNode[],
  results: readonly Map<string, string>[],
): Promise<string> {
  const lines: string[] = [];
  for (const [table, sum] of results[0] ?? []) {
    if (results.every((result) => result.get(table) === sum)) continue;
    const holders = new Map<string, string[]>();
    for (const [i, connection] of opened.entries()) {
      for (const row of await rowsOf(connection, `SELECT * FROM ${table}`)) {
        const text = JSON.stringify(row);
        holders.set(text, [...(holders.get(text) ?? []), nodes[i]?.name ?? '']);
      }
    }
    const partial = [...holders].filter(([, names]) => names.length < nodes.length);
    lines.push(`  ${table}: ${partial.length} rows are not everywhere`);
    for (const [text, names] of partial.slice(0, 10))
      lines.push(`    only on ${names.join(', ')}: ${text.slice(0, 300)}`);
  }
  return lines.join('\n');
}

function compareMaps(
  what: string,
  gtid: string,
  nodes: readonly SqlNode[],
  results: readonly Map<string, string>[],
): void {
  const names = new Set(results.flatMap((result) => [...result.keys()]));
  const different = [...names].filter((name) => new Set(results.map((result) => result.get(name))).size > 1);
  if (different.length === 0) return;
  const lines = different
    .sort()
    .slice(0, 20)
    .map(
      (name) =>
        `  ${name}: ${nodes.map((node, i) => `${node.name} ${results[i]?.get(name) ?? 'absent'}`).join(', ')}`,
    );
  throw new Error(`At ${gtid} the nodes have different ${what} (${different.length}):\n${lines.join('\n')}`);
}
