import { rowsOf, run, withSql } from './sql-node.js';
import type { TestNode } from './test-node.js';

/** Tables that a primary's reason for being closed names as unreadable. */
export function unreadableIn(reason: string): string[] {
  const names = reason.matchAll(/(`[^`]+`\.`[^`]+`) (?:is not in the log, and )?cannot be read here/g);
  return [...new Set([...names].map(([, name]) => String(name)))];
}

/**
 * What docs/operations.md tells an operator to do with a table that cannot be read after a crash: drops it here, and what
 * the engine has left of it, and makes it as it is on another node; all past the log.
 * @param table quoted, `schema`.`table`, of a plain name
 */
export async function bringBack(node: TestNode, from: TestNode, table: string): Promise<void> {
  const [schema = '', name = ''] = table.replaceAll('`', '').split('.');
  const source = await withSql(from, async (connection) => {
    const listed = await rowsOf(
      connection,
      `SELECT 1 FROM information_schema.tables WHERE table_schema = '${schema}' AND table_name = '${name}'`,
    );
    if (listed.length === 0) return null;
    const [row] = await rowsOf(connection, `SHOW CREATE TABLE ${table}`);
    return {
      create: String(row?.['Create Table']),
      rows: await rowsOf(connection, `SELECT * FROM ${table}`),
    };
  });
  await withSql(node, async (connection) => {
    await run(connection, 'SET SESSION sql_log_bin = 0');
    await run(connection, `DROP TABLE IF EXISTS ${table}`);
    const pieces = await rowsOf(
      connection,
      `SELECT name n FROM information_schema.innodb_sys_tables WHERE name LIKE '${schema}/${name}#P#%'`,
    );
    for (const { n } of pieces)
      await run(connection, `DROP TABLE \`${schema}\`.\`#mysql50#${String(n).slice(schema.length + 1)}\``);
    if (source === null) return;
    await run(connection, `USE \`${schema}\``);
    await run(connection, source.create);
    for (const row of source.rows) {
      const values = Object.values(row);
      await run(connection, `INSERT INTO ${table} VALUES (${values.map(() => '?').join(', ')})`, values);
    }
  });
}
