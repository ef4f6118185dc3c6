/** Schema and rows over HTTP, on a real server: what is shown, to whom, and pages by keys of every type. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { HttpNode } from '../kit/http-node.js';

let http: HttpNode;
beforeAll(async () => {
  http = await HttpNode.start();
  for (const sql of [
    'CREATE DATABASE shop',
    'CREATE DATABASE empty CHARACTER SET latin1',
    `CREATE TABLE shop.customers (id BIGINT UNSIGNED AUTO_INCREMENT PRIMARY KEY, mail VARCHAR(100) NOT NULL COMMENT 'where to',
      UNIQUE KEY by_mail (mail)) COMMENT = 'who buys'`,
    `CREATE TABLE shop.orders (customer BIGINT UNSIGNED NOT NULL, number INT NOT NULL DEFAULT 1, note TEXT, about JSON,
      amount DECIMAL(10,2) DEFAULT 0.00, twice DECIMAL(11,2) AS (amount * 2), PRIMARY KEY (customer, number),
      KEY by_note (note(20), amount), FULLTEXT KEY words (note),
      CONSTRAINT buyer FOREIGN KEY (customer) REFERENCES shop.customers (id) ON DELETE CASCADE)`,
    'CREATE VIEW shop.mails AS SELECT mail FROM shop.customers',
    'CREATE TABLE shop.`odd ``name/ä` (`a b` INT PRIMARY KEY)',
    'CREATE TABLE shop.Orders (id INT)',
    'INSERT INTO shop.`odd ``name/ä` VALUES (1)',
    "INSERT INTO shop.customers (mail) VALUES ('a@x'), ('b@x')",
  ]) {
    await http.sql(sql);
  }
  await http.sql({
    sql: `INSERT INTO shop.orders (customer, number, about) VALUES (1, 1, '{"n": 12345678901234567890.10}'), (1, 2, NULL), (2, 1, NULL)`,
  });
});
afterAll(async () => {
  await http?.stop();
});

const path = (...names: string[]) => names.map(encodeURIComponent).join('/');

describe('the schema', () => {
  it('lists databases and tables, for every role the same', async () => {
    for (const role of ['read', 'write', 'admin'] as const) {
      const { status, body } = await http.call('/v1/schema', { role });
      expect(status).toBe(200);
      expect(body).toMatchObject({ complete: true, node: 'n1', position: expect.any(String) });
      expect(body.databases.map((d: { name: string }) => d.name)).toEqual(['empty', 'shop']);
      const [empty, shop] = body.databases;
      expect(empty).toEqual({ name: 'empty', charset: 'latin1', collation: 'latin1_swedish_ci', tables: [] });
      expect(shop.tables.map((t: { name: string; kind: string }) => [t.name, t.kind])).toEqual(
        expect.arrayContaining([
          ['customers', 'table'],
          ['mails', 'view'],
          ['orders', 'table'],
          ['Orders', 'table'],
          ['odd `name/ä', 'table'],
        ]),
      );
      expect(shop.tables.find((t: { name: string }) => t.name === 'customers')).toMatchObject({
        engine: 'InnoDB',
        dataBytes: expect.any(Number),
        comment: 'who buys',
      });
    }
    const one = await http.call('/v1/schema?database=empty');
    expect(one.body.databases.map((d: { name: string }) => d.name)).toEqual(['empty']);
  });

  it('describes a table: columns, keys, indexes, DDL, sizes', async () => {
    for (const role of ['read', 'write'] as const) {
      const { status, body } = await http.call('/v1/schema/shop/orders', { role });
      expect(status).toBe(200);
      expect(body).toMatchObject({
        database: 'shop',
        name: 'orders',
        kind: 'table',
        engine: 'InnoDB',
        primaryKey: ['customer', 'number'],
        indexBytes: expect.any(Number),
      });
      expect(body.columns.slice(0, 2)).toEqual([
        {
          name: 'customer',
          type: 'bigint(20) unsigned',
          nullable: false,
          default: null,
          generated: null,
          autoIncrement: false,
          charset: null,
          collation: null,
          comment: '',
        },
        expect.objectContaining({ name: 'number', type: 'int(11)', default: '1' }),
      ]);
      expect(body.columns.at(-1)).toMatchObject({ name: 'twice', generated: '`amount` * 2' });
      expect(body.indexes).toEqual(
        expect.arrayContaining([
          {
            name: 'by_note',
            unique: false,
            kind: 'BTREE',
            columns: [
              { name: 'note', prefix: 20, descending: false },
              { name: 'amount', prefix: null, descending: false },
            ],
          },
          expect.objectContaining({ name: 'words', kind: 'FULLTEXT' }),
        ]),
      );
      expect(body.foreignKeys).toEqual([
        {
          name: 'buyer',
          columns: ['customer'],
          references: { database: 'shop', table: 'customers', columns: ['id'] },
          onUpdate: 'RESTRICT',
          onDelete: 'CASCADE',
        },
      ]);
      expect(body.ddl).toMatch(/^CREATE TABLE `orders` \(/);
    }
    const customers = (await http.call('/v1/schema/shop/customers')).body;
    expect(customers.columns[0]).toMatchObject({ name: 'id', autoIncrement: true });
    expect(customers.columns[1]).toMatchObject({ charset: 'utf8mb4', comment: 'where to' });
  });

  it('describes a view, a name that needs escaping, and names that differ in case only', async () => {
    const view = (await http.call('/v1/schema/shop/mails')).body;
    expect(view).toMatchObject({ kind: 'view', primaryKey: null, engine: null });
    expect(view.ddl).toContain('VIEW `shop`.`mails`');
    const odd = await http.call(`/v1/schema/${path('shop', 'odd `name/ä')}`);
    expect(odd.body).toMatchObject({ name: 'odd `name/ä', primaryKey: ['a b'] });
    expect((await http.call('/v1/schema/shop/Orders')).body.columns).toHaveLength(1);
    const long = await http.call(`/v1/schema/${path('shop', '語'.repeat(64))}`);
    expect(long).toMatchObject({ status: 404, body: { error: { code: 'NOT_FOUND' } } });
    const never = await http.call(`/v1/schema/${path('shop', '😀')}`);
    expect(never).toMatchObject({ status: 400, body: { error: { code: 'INVALID_FIELD' } } });
  });

  it('does not know what is not there, or belongs to the system', async () => {
    for (const role of ['read', 'write', 'admin'] as const) {
      for (const [database, table] of [
        ['shop', 'nothing'],
        ['nowhere', 'nothing'],
        ['skein', 'tokens'],
        ['SKEIN', 'tokens'],
        ['mysql', 'global_priv'],
        ['information_schema', 'TABLES'],
        ['performance_schema', 'threads'],
        ['sys', 'version'],
      ] as const) {
        for (const url of [`/v1/schema/${database}/${table}`, `/v1/tables/${database}/${table}/rows`]) {
          const answer = await http.call(url, { role });
          expect(answer, `${role} ${url}`).toMatchObject({
            status: 404,
            body: { error: { code: 'NOT_FOUND', applied: 'no' } },
          });
        }
        expect((await http.call(`/v1/schema?database=${database}`, { role })).text).not.toContain(table);
      }
    }
  });
});

// biome-ignore lint/suspicious/noExplicitAny: rows are what the server sent
type Page = { rows: any[]; next: string | null; key: string[]; columns: { name: string }[] };

async function page(table: string, query: Record<string, string> = {}): Promise<Page> {
  const answer = await http.call(`/v1/tables/${path('shop', table)}/rows?${new URLSearchParams(query)}`);
  if (answer.status !== 200) throw new Error(answer.text);
  return answer.body;
}

async function walk(table: string, limit: number, order: string): Promise<unknown[][]> {
  const rows: unknown[][] = [];
  for (let next: string | null = null, pages = 0; pages < 200; pages++) {
    const got = await page(table, { limit: String(limit), order, ...(next !== null && { next }) });
    expect(got.rows.length).toBeLessThanOrEqual(limit);
    rows.push(...got.rows);
    next = got.next;
    if (next === null) return rows;
    expect(got.rows).toHaveLength(limit);
  }
  throw new Error('the pages do not end');
}

describe('rows', () => {
  it('come with columns, key, and big numbers whole', async () => {
    const answer = await http.call('/v1/tables/shop/orders/rows?limit=2');
    expect(answer.body).toMatchObject({ database: 'shop', table: 'orders', key: ['customer', 'number'] });
    expect(answer.text).toContain('{"n": 12345678901234567890.10}');
    expect(answer.body.rows.map((row: unknown[]) => row.slice(0, 2))).toEqual([
      ['1', 1],
      ['1', 2],
    ]);
    expect(answer.headers.get('x-skein-position')).toBe(answer.body.position);
    const second = await page('orders', { limit: '2', next: answer.body.next, rows: 'object' });
    expect(second.rows).toEqual([expect.objectContaining({ customer: '2', number: 1 })]);
    expect(second.next).toBeNull();
    expect((await page('odd `name/ä')).rows).toEqual([[1]]);
  });

  it('go on after a row that was deleted, and show one that was put in ahead', async () => {
    await http.sql('CREATE TABLE shop.moving (id INT PRIMARY KEY)');
    await http.sql('INSERT INTO shop.moving VALUES (10), (20), (30), (40)');
    const first = await page('moving', { limit: '2' });
    await http.sql('DELETE FROM shop.moving WHERE id IN (20, 30)');
    await http.sql('INSERT INTO shop.moving VALUES (5), (25)');
    const second = await page('moving', { limit: '2', next: first.next ?? '' });
    expect(second.rows).toEqual([[25], [40]]);
    expect(second.next).toBeNull();
  });

  it('are refused where no key gives an order', async () => {
    await http.sql('CREATE TABLE shop.loose (a INT, b INT NULL UNIQUE, c TEXT NOT NULL, UNIQUE (c(10)))');
    for (const table of ['loose', 'mails', 'Orders']) {
      expect(await http.call(`/v1/tables/shop/${table}/rows`)).toMatchObject({
        status: 400,
        body: { error: { code: 'NO_KEY', message: expect.stringContaining('POST /v1/sql') } },
      });
    }
  });

  it('refuse a token of another table, another order, or of nobody', async () => {
    const { next } = await page('customers', { limit: '1' });
    expect(next).not.toBeNull();
    const forged = Buffer.from(JSON.stringify([1, 'shop', 'customers', 'asc', ['id'], ["1' OR 1=1"]]));
    for (const url of [
      `orders/rows?next=${next}`,
      `customers/rows?order=desc&next=${next}`,
      'customers/rows?next=nonsense',
      `customers/rows?next=${forged.toString('base64url')}`,
    ]) {
      expect(await http.call(`/v1/tables/shop/${url}`), url).toMatchObject({
        status: 400,
        body: { error: { code: 'INVALID_CURSOR' } },
      });
    }
    for (const query of ['limit=0', 'limit=1001', 'limit=x', 'order=up', 'offset=3']) {
      expect((await http.call(`/v1/tables/shop/customers/rows?${query}`)).status, query).toBe(400);
    }
  });

  it('never read more than a page, wherever it is', async () => {
    await http.sql('CREATE TABLE shop.many (a INT, b INT, v CHAR(100) DEFAULT "x", PRIMARY KEY (a, b))');
    await http.sql('INSERT INTO shop.many (a, b) SELECT seq DIV 1000, seq MOD 1000 FROM shop.seq_0_to_9999');
    const control = await http.node.control();
    const read = async () => {
      const rows = await control.query(
        "SHOW GLOBAL STATUS WHERE Variable_name IN ('Handler_read_next', 'Handler_read_prev', 'Handler_read_rnd_next')",
      );
      return rows.reduce((sum, row) => sum + Number(row[1]), 0);
    };
    let next: string | null = '';
    for (let i = 0; i < 6; i++) next = (await page('many', { limit: '1000', ...(next && { next }) })).next;
    const base = await read();
    const empty = (await read()) - base;
    await page('customers', { limit: '10' });
    // What the questions about the table cost by themselves.
    const overhead = (await read()) - base - 2 * empty;
    const before = await read();
    const got = await page('many', { limit: '10', next: next ?? '' });
    next = got.next;
    expect(got.rows[0]?.slice(0, 2)).toEqual([6, 0]);
    // Whatever reads from the beginning reads 6000 rows more; the server's other sessions read some too.
    expect((await read()) - before - overhead).toBeLessThan(2_000);
  });

  /** [key column, values in SQL] */
  const KEYS: readonly (readonly [string, readonly string[]])[] = [
    ['TINYINT', ['-128', '-1', '0', '1', '127']],
    ['BIGINT', ['-9223372036854775808', '-1', '0', '9223372036854775807']],
    ['BIGINT UNSIGNED', ['0', '9007199254740993', '9223372036854775808', '18446744073709551615']],
    [
      'DECIMAL(65,30)',
      ['-1.5', '-1.499999999999999999999999999999', '0', '99999999999999999999999999999999999'],
    ],
    ['FLOAT', ['-1.1', '0', '1.1', '1.1000001', '3.4e38']],
    ['DOUBLE', ['-1e308', '-0.1', '0', '0.1', '0.30000000000000004', '1e308']],
    ['YEAR', ['0', '1901', '1970', '2026', '2155']],
    ['DATE', ["'0000-00-00'", "'1000-01-01'", "'2024-00-00'", "'2026-02-28'", "'9999-12-31'"]],
    ['TIME(3)', ["'-838:59:59'", "'-00:00:00.001'", "'00:00:00'", "'26:00:00.5'", "'838:59:59'"]],
    [
      'DATETIME(6)',
      ["'0000-00-00 00:00:00'", "'2026-01-01 00:00:00.000001'", "'2026-01-01 00:00:00.000002'"],
    ],
    ['TIMESTAMP(6)', ["'0000-00-00 00:00:00'", "'1970-01-01 00:00:01'", "'2026-01-01 00:00:00.000001'"]],
    ['VARCHAR(50)', ["''", "'a'", "'A b'", "'b'", "'😀'", "'😀😀'", "'q\"\\\\'", "'zz'"]],
    ['VARCHAR(50) COLLATE utf8mb4_bin', ["'A'", "'B'", "'a'", "'b'", "'ä'", "'😀'"]],
    ['VARCHAR(50) CHARACTER SET latin1', ["'a'", "'b'", "'ä'", "'z'"]],
    ['CHAR(5) CHARACTER SET ucs2', ["'a'", "'b'", "'ö'", "'z'"]],
    ['BINARY(3)', ["x'000000'", "x'000001'", "x'20'", "x'ff00ff'", "x'ffffff'"]],
    ['VARBINARY(20)', ["x''", "x'00'", "x'0000'", "x'20'", "x'ff'", "x'ff00'"]],
    ['BIT(64)', ["b'0'", "b'1'", `b'${'1'.repeat(63)}'`, `b'${'1'.repeat(64)}'`]],
    ["ENUM('z','it''s','a\\\\b','')", ["'z'", "'it''s'", "'a\\\\b'", "''"]],
    ["SET('z','y','x')", ["''", "'z'", "'y'", "'z,y'", "'x'", "'z,y,x'"]],
    [
      'UUID',
      [
        "'00000000-0000-0000-0000-000000000000'",
        "'123e4567-e89b-12d3-a456-426655440000'",
        "'ffffffff-ffff-ffff-ffff-ffffffffffff'",
        "'123e4567-e89b-12d4-a456-426655440000'",
      ],
    ],
    ['INET6', ["'::'", "'::1'", "'::ffff:1.2.3.4'", "'ffff::'"]],
  ];

  it.each(KEYS)('by a key of type %s, both ways, are those of one sorted SELECT', async (type, values) => {
    const tables = [
      ['key_alone', `(k ${type} NOT NULL PRIMARY KEY)`, values.map((value) => `(${value})`)],
      // In the middle of a key, and not in the primary one.
      [
        'key_inside',
        `(a INT NOT NULL, k ${type} NOT NULL, b INT NOT NULL, UNIQUE KEY (a, k, b))`,
        values.flatMap((value, i) =>
          [1, 2].flatMap((a) => [`(${a}, ${value}, 1)`, `(${a}, ${value}, ${i})`]),
        ),
      ],
    ] as const;
    for (const [name, definition, rows] of tables) {
      await http.sql({
        statements: [
          { sql: "SET SESSION sql_mode = ''" },
          { sql: `CREATE OR REPLACE TABLE shop.${name} ${definition}` },
          { sql: `INSERT IGNORE INTO shop.${name} VALUES ${rows.join(', ')}` },
        ],
      });
      for (const order of ['asc', 'desc']) {
        const by = name === 'key_alone' ? `k ${order}` : `a ${order}, k ${order}, b ${order}`;
        const all = (await http.sql(`SELECT * FROM shop.${name} ORDER BY ${by}`, 'read')).results[0].rows;
        expect(all.length).toBeGreaterThanOrEqual(values.length);
        expect(await walk(name, 2, order), `${name} ${order}`).toEqual(all);
      }
    }
  });
});
