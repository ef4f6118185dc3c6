import { describe, expect, it } from 'vitest';
import type { ClusterStatus, Schema, Table } from '../../../client/src/index.js';
import {
  columnNotes,
  indexColumns,
  listedIndexes,
  listingOf,
  lookOnly,
  TABLES_SHOWN,
  tableFacts,
} from './schema.js';

const summary = (name: string, more: object = {}) => ({
  name,
  kind: 'table' as const,
  engine: 'InnoDB',
  rows: 1234,
  dataBytes: 16_384,
  indexBytes: 0,
  comment: '',
  ...more,
});
const schemaOf = (databases: Record<string, ReturnType<typeof summary>[]>): Schema => ({
  databases: Object.entries(databases).map(([name, tables]) => ({
    name,
    charset: '',
    collation: '',
    tables,
  })),
  complete: true,
  position: '',
  node: 'n1',
});

describe('the list of tables', () => {
  const schema = schemaOf({
    shop: [summary('orders'), summary('customers')],
    logs: [summary('order_log', { kind: 'view', engine: null, dataBytes: null, indexBytes: null })],
    nothing: [],
  });
  const names = (search: string, only: string | null = null) =>
    listingOf(schema, search, only).databases.map(({ name, tables }) => [
      name,
      tables.map((each) => each.name),
    ]);

  it('has all, or what the search finds in the name of a table or of its database', () => {
    expect(names('')).toEqual([
      ['shop', ['orders', 'customers']],
      ['logs', ['order_log']],
      ['nothing', []],
    ]);
    expect(names(' ORDER ')).toEqual([
      ['shop', ['orders']],
      ['logs', ['order_log']],
    ]);
    expect(names('shop')).toEqual([['shop', ['orders', 'customers']]]);
    expect(names('', 'logs')).toEqual([['logs', ['order_log']]]);
    expect(names('no such')).toEqual([]);
  });

  it('says how large they are, and what is only estimated', () => {
    const [shop, logs] = listingOf(schema, '', null).databases;
    expect(shop?.summary).toBe('2 tables, 32.8 kB');
    expect(shop?.tables[0]).toMatchObject({
      kind: 'InnoDB',
      rows: '≈ 1,234',
      data: '16.4 kB',
      indexes: '0 B',
    });
    expect(logs?.tables[0]).toMatchObject({ kind: 'view', rows: '–', data: '–' });
  });

  it('does not draw thousands at once, and says how many more there are', () => {
    const many = Array.from({ length: TABLES_SHOWN + 7 }, (_, at) => summary(`t${at}`));
    const listing = listingOf(schemaOf({ a: many, b: [summary('last')] }), '', null);
    expect(listing.databases.map(({ tables }) => tables.length)).toEqual([TABLES_SHOWN, 0]);
    expect(listing.more).toBe(8);
  });
});

describe('whether rows can be changed', () => {
  const members = [
    { name: 'n1', role: 'primary', http: 'http://n1' },
    { name: 'n2', role: 'replica', http: 'http://n2' },
  ];
  const status = { primary: 'n1', members } as unknown as ClusterStatus;
  const table = { kind: 'table' } as Table;
  const on = { self: 'n1', role: 'write' as const, table, key: ['id'] };

  it('on the primary, with a key and a role that may', () => {
    expect(lookOnly(status, on)).toBe(null);
    expect(lookOnly(status, { ...on, role: 'admin' })).toBe(null);
  });

  it('on a replica not, and it says where', () => {
    const look = lookOnly(status, { ...on, self: 'n2' });
    expect(look?.text).toContain('n2 is a replica');
    expect(look?.primary?.name).toBe('n1');
    const nobody = lookOnly({ ...status, primary: null }, { ...on, self: 'n2' });
    expect(nobody).toEqual({ text: expect.stringContaining('no primary now'), primary: null });
  });

  it('not without a key, not in a view, not with a token that reads', () => {
    expect(lookOnly(status, { ...on, key: null })?.text).toContain('no primary key');
    expect(lookOnly(status, { ...on, table: { kind: 'view' } as Table, key: null })?.text).toContain(
      'a view',
    );
    expect(lookOnly(status, { ...on, role: 'read' })?.text).toContain('read only');
  });
});

describe('what a table is', () => {
  it('in a few words', () => {
    const table = summary('t') as unknown as Table;
    expect(tableFacts(table)).toEqual(['InnoDB', 'about 1,234 rows', '16.4 kB of data', '0 B of indexes']);
    expect(tableFacts({ ...table, kind: 'view' })).toEqual(['view']);
    const column = {
      autoIncrement: true,
      generated: null,
      collation: 'utf8mb4_bin',
      comment: 'who',
    } as Table['columns'][number];
    expect(columnNotes(column)).toBe('auto increment · utf8mb4_bin · who');
    const columns = [
      { name: 'a', prefix: 10, descending: false },
      { name: 'b', prefix: null, descending: true },
    ];
    expect(indexColumns({ name: 'x', unique: false, kind: 'BTREE', columns })).toBe('a(10), b descending');
    const indexes = ['by_name', 'PRIMARY', 'x'].map((name) => ({
      name,
      unique: true,
      kind: 'BTREE',
      columns,
    }));
    expect(listedIndexes({ ...table, indexes }).map(({ name }) => name)).toEqual(['PRIMARY', 'by_name', 'x']);
  });
});
