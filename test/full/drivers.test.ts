import knex, { type Knex } from 'knex';
import { createPool, type Pool } from 'mariadb';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { checksumAtRest, waitApplied } from '../kit/checksum.js';
import { showLogsOnFailure, TestCluster } from '../kit/cluster.js';
import { until } from '../kit/until.js';

/** What applications use beside mysql2, through the ports of a replica: MariaDB's own connector, and a query builder. */

const DATABASE = 'drivers';

let cluster: TestCluster;
let ports: { readWrite: number; readOnly: number };
showLogsOnFailure(() => cluster);

beforeAll(async () => {
  cluster = await TestCluster.start({ replicas: 1 });
  const { members } = await cluster.primary.cluster();
  const replica = members.find(({ name }) => name === 'n2');
  const port = (address: string | null | undefined) => Number(address?.split(':')[1]);
  ports = { readWrite: port(replica?.mysqlRw), readOnly: port(replica?.mysqlRo) };
  await cluster.primary.sql(`CREATE DATABASE ${DATABASE}`);
  await waitApplied(cluster.primary, cluster.replicas);
});

afterAll(() => cluster?.dispose());

const login = (port: number) => ({
  host: '127.0.0.1',
  port,
  user: 'app',
  password: cluster.primary.password('app'),
  database: DATABASE,
});

describe('the mariadb connector', () => {
  let writer: Pool;
  let reader: Pool;

  beforeAll(async () => {
    writer = createPool({ ...login(ports.readWrite), connectionLimit: 4 });
    reader = createPool({ ...login(ports.readOnly), connectionLimit: 4 });
    await writer.query('CREATE TABLE birds (id INT AUTO_INCREMENT PRIMARY KEY, name VARCHAR(60), wing BLOB)');
  });

  afterAll(() => Promise.all([writer.end(), reader.end()]));

  it('binds in batches, which it sends as one bulk packet, and streams them back from the read-only port', async () => {
    const rows = Array.from({ length: 5_000 }, (_, i) => [`bird ${i}`, Buffer.from([i & 0xff, 0, 0xff])]);
    const inserted = await writer.batch('INSERT INTO birds (name, wing) VALUES (?, ?)', rows);
    expect(inserted).toMatchObject({ affectedRows: rows.length });
    await until('the replica has them all', async () => {
      const [{ n }] = await reader.execute('SELECT COUNT(*) AS n FROM birds WHERE id > ?', [0]);
      return Number(n) === rows.length;
    });
    const connection = await reader.getConnection();
    try {
      let seen = 0;
      for await (const row of connection.queryStream('SELECT name, wing FROM birds ORDER BY id')) {
        expect([row.name, row.wing]).toEqual(rows[seen++]);
      }
      expect(seen).toBe(rows.length);
    } finally {
      await connection.release();
    }
  });

  it('many prepared statements at a time, each with its own answer', async () => {
    const ids = Array.from({ length: 200 }, (_, i) => i + 1);
    const found = await Promise.all(
      ids.map((id) => writer.execute('SELECT id FROM birds WHERE id = ?', [id])),
    );
    expect(found.map(([row]) => row.id)).toEqual(ids);
  });

  it('commits, rolls back, and hears the server’s own errors', async () => {
    const connection = await writer.getConnection();
    try {
      await connection.beginTransaction();
      await connection.execute("INSERT INTO birds (name) VALUES ('kept')");
      await connection.commit();
      await connection.beginTransaction();
      await connection.execute("INSERT INTO birds (name) VALUES ('undone')");
      await connection.rollback();
      const rows = await connection.query("SELECT name FROM birds WHERE name IN ('kept', 'undone')");
      expect(rows).toMatchObject([{ name: 'kept' }]);
      await expect(connection.query('SELECT * FROM nowhere')).rejects.toMatchObject({ errno: 1146 });
    } finally {
      await connection.release();
    }
    await expect(reader.query("INSERT INTO birds (name) VALUES ('no')")).rejects.toMatchObject({
      errno: 1290,
    });
  });
});

describe('Knex', () => {
  let db: Knex;

  const migrations: Record<string, Knex.Migration> = {
    '1_flocks': {
      up: (k) =>
        k.schema.createTable('flocks', (table) => {
          table.increments('id');
          table.string('name').notNullable().unique();
          table.timestamp('seen_at', { precision: 6 }).defaultTo(k.fn.now(6));
        }),
      down: (k) => k.schema.dropTable('flocks'),
    },
    '2_geese': {
      up: (k) =>
        k.schema.createTable('geese', (table) => {
          table.bigIncrements('id');
          table.integer('flock_id').unsigned().notNullable().references('flocks.id').onDelete('CASCADE');
          table.decimal('weight', 10, 3);
          table.json('rings');
          table.index(['flock_id', 'weight']);
        }),
      down: (k) => k.schema.dropTable('geese'),
    },
    '3_leader': {
      up: (k) => k.schema.alterTable('geese', (table) => table.boolean('leads').defaultTo(false)),
      down: (k) => k.schema.alterTable('geese', (table) => table.dropColumn('leads')),
    },
  };

  beforeAll(() => {
    db = knex({
      client: 'mysql2',
      connection: login(ports.readWrite),
      pool: { min: 0, max: 5 },
      migrations: {
        migrationSource: {
          getMigrations: async () => Object.keys(migrations),
          getMigrationName: (name: string) => name,
          getMigration: async (name: string) => migrations[name] as Knex.Migration,
        },
      },
    });
  });

  afterAll(() => db.destroy());

  it('migrates forth and back', async () => {
    const [, done] = await db.migrate.latest();
    expect(done).toEqual(Object.keys(migrations));
    await db.migrate.down();
    expect(await db.schema.hasColumn('geese', 'leads')).toBe(false);
    await db.migrate.latest();
    expect(await db.schema.hasColumn('geese', 'leads')).toBe(true);
  });

  it('transactions with savepoints, upserts, joins', async () => {
    await db.transaction(async (trx) => {
      const [flock] = await trx('flocks').insert({ name: 'northern' });
      await trx('geese').insert([
        { flock_id: flock, weight: '4.125', rings: JSON.stringify({ left: 9007199254740993n.toString() }) },
        { flock_id: flock, weight: '3.5' },
      ]);
      await trx
        .transaction(async (inner) => {
          await inner('geese').insert({ flock_id: flock, weight: '99' });
          throw new Error('undo the inner one');
        })
        .catch(() => {});
    });
    await expect(
      db.transaction(async (trx) => {
        await trx('flocks').insert({ name: 'southern' });
        await trx('flocks').insert({ name: 'northern' });
      }),
    ).rejects.toMatchObject({ errno: 1062 });
    await db('flocks')
      .insert({ id: 1, name: 'northern' })
      .onConflict('name')
      .merge({ name: 'northern, renamed' });
    const rows = await db('geese')
      .join('flocks', 'flocks.id', 'geese.flock_id')
      .select('flocks.name', 'geese.weight')
      .orderBy('geese.id');
    expect(rows).toEqual([
      { name: 'northern, renamed', weight: '4.125' },
      { name: 'northern, renamed', weight: '3.500' },
    ]);
  });

  it('what it made is the same on all nodes', async () => {
    await checksumAtRest(cluster.primary, cluster.replicas, { schemas: [DATABASE] });
  });
});
