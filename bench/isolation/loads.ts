/** What clients ask a node over HTTP while commits are measured. Pure: bodies and numbers, no sockets. */
import type { NodeConfigInput } from '../../src/config/node-config.js';

const ROWS = 10_000;
const MIB = 1024 ** 2;
/** Body of a request of the load "bodies"; beyond the 16 MiB that one packet of the server's protocol carries. */
const BODY_BYTES = 18_000_000;

/** The usual limit of a body is 8 MiB. One token may have half of all bodies under way. */
export const LOAD_SETTINGS: Partial<NodeConfigInput> = {
  httpBodyBytesMax: 20 * MIB,
  httpBodiesBytesMax: 160 * MIB,
};

export const LOAD_TABLES = [
  'CREATE TABLE bench.points (id INT PRIMARY KEY, k INT NOT NULL, c CHAR(120) NOT NULL, pad CHAR(60) NOT NULL)',
  `INSERT INTO bench.points SELECT seq, seq * 7 % ${ROWS}, REPEAT('c', 119), REPEAT('p', 59) FROM bench.seq_1_to_${ROWS}`,
  'CREATE TABLE bench.wide (id INT PRIMARY KEY, c VARCHAR(1000) NOT NULL)',
  `INSERT INTO bench.wide SELECT seq, REPEAT('w', 1000) FROM bench.seq_1_to_${ROWS}`,
];

export interface Load {
  readonly label: string;
  /** Each makes one request after the other. */
  readonly clients: number;
  /** Called for each request. */
  readonly body: () => string | Buffer;
  /** All clients together; as many as are answered without it. */
  readonly requestsPerSecond?: number;
  /** Paths of answers that stay open meanwhile. */
  readonly streams?: readonly string[];
}

const sql = (text: string, ...params: readonly unknown[]) =>
  JSON.stringify({ sql: text, params, database: 'bench' });
const point = () =>
  sql('SELECT id, k, c, pad FROM points WHERE id = ?', 1 + Math.floor(Math.random() * ROWS));

/** The same body again and again, made when it is wanted. */
function constant(make: () => string): () => Buffer {
  let body: Buffer | null = null;
  return () => {
    body ??= Buffer.from(make());
    return body;
  };
}

/** By chance: clients that take turns fall into step. */
const oneOf =
  (...bodies: readonly (() => Buffer)[]) =>
  () =>
    (bodies[Math.floor(Math.random() * bodies.length)] as () => Buffer)();

/** A document as a parameter, which the server is asked the length of. */
export const documentRequest = (value: unknown) => sql('SELECT LENGTH(?) AS bytes', { $type: 'json', value });

/** 24,000 fields with five values each: below 25,000 names and 150,000 values. */
export const largeDocument = () =>
  Object.fromEntries(Array.from({ length: 24_000 }, (_, at) => [`field ${at}`, [at, 1.5, 'x', null, true]]));

/** 1,400 branches of 95 arrays in each other: below 104 levels and 150,000 values. */
export const deepDocument = () => Array.from({ length: 1_400 }, () => nested(95));

function nested(levels: number): unknown {
  let value: unknown = [];
  for (let level = 1; level < levels; level++) value = [value];
  return value;
}

const times = (count: number, path: string) => Array.from({ length: count }, () => path);

export const LOADS = {
  selects: { label: '16 clients, point SELECTs', clients: 16, body: point },
  results: {
    label: '4 clients, results of 10 MB',
    clients: 4,
    body: constant(() => sql('SELECT id, c FROM wide')),
  },
  bodies: {
    label: '2 clients, bodies of 18 MB',
    clients: 2,
    body: constant(() => sql('SELECT LENGTH(?) AS bytes', 'b'.repeat(BODY_BYTES - 100))),
  },
  streams: {
    label: '100 streams, 100 requests/s',
    clients: 1,
    body: point,
    requestsPerSecond: 100,
    streams: [
      ...times(50, '/v1/logs?follow=true&tail=1'),
      ...times(25, '/v1/audit?follow=true&tail=1'),
      ...times(25, '/v1/events'),
    ],
  },
  json: {
    label: '4 clients, slow JSON',
    clients: 4,
    body: oneOf(
      constant(() => documentRequest(largeDocument())),
      constant(() => documentRequest(deepDocument())),
    ),
  },
} as const satisfies Readonly<Record<string, Load>>;

export type LoadName = keyof typeof LOADS;
export const LOAD_NAMES = Object.keys(LOADS) as readonly LoadName[];
