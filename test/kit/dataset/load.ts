import type { Connection } from 'mysql2/promise';
import { type Random, seededRandom } from '../random.js';
import { run } from '../sql-node.js';
import { CODE, CREATE_DATABASE, DATABASE, EVERY_TYPE_COLUMNS, TABLES } from './schema.js';
import * as values from './values.js';

const { text, hex } = values;

/** One INSERT is filled up to about this: few round trips, and far below max_allowed_packet. */
const INSERT_BYTES = 512 * 1024;

export interface LoadResult {
  rows: number;
  bytes: number;
  durationMs: number;
}

export interface LoadOptions {
  /** Rows in all tables together, about. */
  rows: number;
  seed?: number;
  onProgress?: (rows: number) => void;
}

interface Fill {
  table: string;
  columns: string;
  share: number;
  row: (random: Random, n: number, counts: Counts) => string;
}

/** Rows of the tables that others refer to. */
interface Counts {
  customers: number;
  products: number;
  purchases: number;
}

const FIRST_CUSTOMER = 1000;
const REGIONS = 50;
const LANDS = ['DE', 'AT', 'CH', 'SE', 'NO', 'DK', 'FI', 'FR', 'ES', 'IT', 'PT', 'PL', 'CZ'] as const;
const FIRST_NAMES = [
  'Ada',
  'Björn',
  'Chloé',
  'Dmitri',
  'Eszter',
  'Fatma',
  'Gísli',
  'Hồng',
  "O'Neil",
  '美咲',
] as const;
const LAST_NAMES = [
  'Müller',
  'Nowak',
  'Østergård',
  'García',
  'Țepeș',
  'Şahin',
  'Smith',
  'Ιωάννου',
  '李',
  'de la Cruz',
] as const;

/** Shares sum up to 1; lines of a purchase are the most numerous, as in a shop. */
const FILLS: readonly Fill[] = [
  {
    table: 'region',
    columns: 'name, area, opened',
    share: 0,
    row: (random, n) => `'region ${n}',${values.polygon(random)},'${values.date(random)}'`,
  },
  {
    table: 'customer',
    columns:
      'region_id, email, first_name, last_name, born, created, kind, flags, profile, uuid, ip4, ip6, balance, secret',
    share: 0.06,
    row: (random, n) =>
      `${random.int(1, REGIONS)},'c${n}@${random.pick(['example.org', 'goose.example', 'mail.test'])}',` +
      `${text(random.pick(FIRST_NAMES))},${text(random.pick(LAST_NAMES))},'${values.date(random, 1930, 2010)}',` +
      `'${values.moment(random, 6, 2015, 2025)}',${random.int(1, 3)},${random.int(0, 15)},` +
      `${text(JSON.stringify({ city: random.pick(['Köln', 'Oslo', 'Lyon', '北京']), tags: [n % 7, n % 11], note: values.words(random, 2) }))},` +
      `'${values.uuid(random)}','10.${n % 256}.${random.int(0, 255)}.1','fe80::${(n % 65536).toString(16)}',` +
      `${random.int(-9999, 9999)}.${random.int(0, 9999)},${hex(random.bytes(8))}`,
  },
  {
    table: 'product',
    columns: 'sku, name, description, price, weight_kg, depth, place, picture, stock, released',
    share: 0.008,
    row: (random, n) =>
      `'S${String(n).padStart(9, '0')}',${text(values.words(random, 3))},${text(values.words(random, random.int(5, 40)))},` +
      `${random.int(1, 9999)}.${random.int(0, 9999)},${random.next() * 100},${random.next()},${values.pointText(random)},` +
      `${random.chance(0.05) ? hex(random.bytes(4_000)) : 'NULL'},${random.int(0, 100_000)},'${values.moment(random, 3)}'`,
  },
  {
    table: 'purchase',
    columns: 'customer_id, at, state, total, remark',
    share: 0.15,
    row: (random, _n, counts) =>
      `${FIRST_CUSTOMER + random.int(0, counts.customers - 1)},'${values.moment(random, 3, 2020, 2025)}',${random.int(1, 4)},` +
      `${random.int(0, 99_999)}.${random.int(10, 99)},${random.chance(0.2) ? text(values.words(random, 4)) : 'NULL'}`,
  },
  {
    table: 'purchase_line',
    columns: 'purchase_id, line, product_id, quantity, unit_price',
    share: 0.455,
    row: (random, n, counts) =>
      `${((n - 1) % counts.purchases) + 1},${Math.floor((n - 1) / counts.purchases)},${random.int(1, counts.products)},` +
      `${random.int(1, 20)},${random.int(0, 500)}.${random.int(0, 9999)}`,
  },
  {
    table: 'measure',
    columns: 'id, at, sensor, value, note',
    share: 0.2,
    row: (random, n) =>
      `${n},'${values.moment(random, 6, 2023, 2026)}',${random.int(0, 500)},${random.chance(0.01) ? 'NULL' : random.next() * 1e6},` +
      `${random.chance(0.1) ? text(values.words(random, 1)) : 'NULL'}`,
  },
  {
    table: 'journal',
    columns: 'land, at, text',
    share: 0.07,
    row: (random) =>
      `'${random.pick(LANDS)}','${values.moment(random, 3, 1980, 2030)}',${text(values.words(random, random.int(1, 12)))}`,
  },
  {
    table: 'every_type',
    columns: EVERY_TYPE_COLUMNS.map(([name]) => name).join(', '),
    share: 0.02,
    row: (random) => values.everyTypeRow(random),
  },
  {
    table: 'alphabet',
    columns: Array.from({ length: 14 }, (_, i) => `a${i}`).join(', '),
    share: 0.001,
    row: (random) => values.alphabetRow(random),
  },
  {
    table: 'tree',
    columns: 'id, parent, label',
    share: 0.015,
    row: (random, n) =>
      `${n},${n === 1 ? 'NULL' : random.int(Math.max(1, Math.floor(n / 4)), n - 1)},'node ${n}'`,
  },
  {
    table: 'bucket',
    columns: 'k, v, n',
    share: 0.01,
    row: (random, n) => `${n * 7},${text(values.words(random, 2))},${random.int(0, 9)}`,
  },
  {
    table: 'shape',
    columns: 'k, v, n',
    share: 0.001,
    row: (random, n) => `${n * 7},${text(values.words(random, 2))},${random.int(0, 9)}`,
  },
  {
    table: 'keyless',
    columns: 'a, b, c, d',
    share: 0.004,
    row: (random) =>
      `${random.int(0, 400)},${text(values.words(random, 2))},'${values.moment(random, 6)}',${random.int(0, 9999)}.5`,
  },
  {
    table: 'bare',
    columns: 'a, b',
    share: 0.001,
    row: (random, n) => `'bare ${n % 50}',${random.next()}`,
  },
  {
    table: 'price_list',
    columns: 'product_id, price, note',
    share: 0.007,
    row: (random, n) => `${n},${random.int(1, 999)}.25,${text(values.words(random, 2))}`,
  },
  {
    table: '`odd ``name`` – ünïcode`',
    columns: '`select`, `a b`',
    share: 0.0001,
    row: (_random, n) => `${n},DEFAULT`,
  },
];

/** Creates the database and fills it; the same seed and number of rows give the same rows. */
export async function loadDataset(connection: Connection, options: LoadOptions): Promise<LoadResult> {
  const { rows, seed = 42, onProgress } = options;
  const started = performance.now();
  const random = seededRandom(seed);
  await run(connection, CREATE_DATABASE);
  await run(connection, `USE ${DATABASE}`);
  await run(connection, "SET SESSION time_zone = '+00:00'");
  for (const statement of TABLES) await run(connection, statement);
  const counts: Counts = {
    customers: rowsFor('customer', rows),
    products: rowsFor('product', rows),
    purchases: rowsFor('purchase', rows),
  };
  const done = { rows: 0, bytes: 0 };
  for (const fill of FILLS) {
    const wanted = fill.table === 'region' ? REGIONS : rowsFor(fill.table, rows);
    await fillTable(connection, fill, wanted, random, counts, done);
    onProgress?.(done.rows);
  }
  for (const statement of CODE) await run(connection, statement);
  return { ...done, durationMs: performance.now() - started };
}

function rowsFor(table: string, rows: number): number {
  const share = FILLS.find((fill) => fill.table === table)?.share ?? 0;
  return Math.max(20, Math.round(share * rows));
}

async function fillTable(
  connection: Connection,
  fill: Fill,
  wanted: number,
  random: Random,
  counts: Counts,
  done: { rows: number; bytes: number },
): Promise<void> {
  const head = `INSERT INTO ${fill.table} (${fill.columns}) VALUES `;
  let tuples: string[] = [];
  let size = 0;
  const flush = async () => {
    if (tuples.length === 0) return;
    await run(connection, head + tuples.join(','));
    done.rows += tuples.length;
    done.bytes += size;
    tuples = [];
    size = 0;
  };
  for (let n = 1; n <= wanted; n++) {
    const tuple = `(${fill.row(random, n, counts)})`;
    tuples.push(tuple);
    size += tuple.length + 1;
    if (size > INSERT_BYTES) await flush();
  }
  await flush();
}
