import type { Random } from '../kit/random.js';
import type { HttpAnswer, TestNode } from '../kit/test-node.js';
import { jsonText, mutate, mutateJson } from './mutate.js';
import { hostileSql } from './mysql.js';
import { throwAt } from './sockets.js';
import type { FuzzTarget } from './target.js';

export interface HttpWorld {
  readonly nodes: readonly TestNode[];
  readonly tokens: { readonly read: string; readonly write: string };
}

/** Requests that are in order, to begin with. `fuzz.t` is the one table that may be written. */
const REQUESTS: readonly (readonly [method: string, path: string, body: unknown])[] = [
  ['POST', '/v1/sql', { sql: 'SELECT ?, ?', params: [1, 'x'], read: { level: 'local' }, timeoutMs: 2_000 }],
  ['POST', '/v1/sql', { sql: 'INSERT INTO fuzz.t (v) VALUES (?)', params: ['x'], timeoutMs: 2_000 }],
  [
    'POST',
    '/v1/sql',
    { statements: [{ sql: 'SELECT 1' }, { sql: 'SELECT ?', params: [2] }], transaction: true },
  ],
  ['POST', '/v1/sql', { sql: 'SELECT 1', rows: 'object', bigint: 'string', database: 'fuzz', forward: true }],
  ['POST', '/v1/tx', { readOnly: true, idleMs: 1_000, totalMs: 2_000, database: 'fuzz' }],
  ['POST', '/v1/tokens', { name: 'x', role: 'read', expiresAt: '2099-01-01T00:00:00Z', rateLimit: 5 }],
];

const PATHS = [
  ...['/v1/cluster', '/v1/events', '/v1/logs?tail=5', '/v1/audit?tail=5', '/v1/schema', '/v1/schema/fuzz/t'],
  ...['/v1/tables/fuzz/t/rows?limit=5', '/v1/outcome/x', '/metrics', '/health', '/replica?maxLagMs=5', '/'],
];

const VALUE_TAGS = ['datetime', 'date', 'time', 'decimal', 'binary', 'json', 'bigint'];

export function httpTargets({ nodes, tokens }: HttpWorld): FuzzTarget[] {
  const tokenOf = (random: Random) => random.pick([tokens.read, tokens.write, null]);
  return [
    {
      name: 'HTTP bodies',
      parallel: 6,
      run: async (random) => {
        const [method, path, template] = random.pick(REQUESTS);
        let body = mutateJson(random, template);
        if (random.chance(0.2)) body = { sql: hostileSql(random) };
        if (random.chance(0.2)) {
          const value = mutateJson(random, { $type: random.pick(VALUE_TAGS), value: '2024-02-30' });
          body = { sql: 'SELECT ?', params: [value] };
        }
        const text = jsonText(body);
        const sent = random.chance(0.3) ? mutate(random, [Buffer.from(text)]).toString('latin1') : text;
        const headers: Record<string, string> = {};
        if (random.chance(0.2)) headers.accept = 'application/x-ndjson';
        if (random.chance(0.2)) headers['idempotency-key'] = `k${random.int(0, 5)}`;
        const node = random.pick(nodes);
        // A stream may be as long as it likes: 10 s are enough for every other answer.
        const answer = await node.request(method, path, sent, {
          token: tokenOf(random),
          headers,
          timeoutMs: 15_000,
        });
        expectHonest(answer, `${method} ${path} ${sent.slice(0, 2_000)}`);
      },
    },
    {
      name: 'HTTP bytes and headers',
      parallel: 8,
      run: async (random) => {
        const [method, path, body] = random.pick(REQUESTS);
        const text = JSON.stringify(body);
        const head = [
          random.chance(0.5) ? `${method} ${path} HTTP/1.1` : `GET ${random.pick(PATHS)} HTTP/1.1`,
          'Host: localhost',
          `Authorization: Bearer ${tokenOf(random) ?? 'x'}`,
          random.chance(0.5) ? `Content-Length: ${text.length}` : 'Transfer-Encoding: chunked',
          'Content-Type: application/json',
          `X-Skein-Position: ${random.pick(['1.1.0-1000001-1', '9.9', 'x'.repeat(9_000)])}`,
          `Accept: ${random.pick(['*/*', 'application/x-ndjson;q=0', 'a/b;q=,,,;;;', ','.repeat(8_000)])}`,
          `Accept-Encoding: ${random.pick(['gzip', 'gzip;q=0', ',;,;'.repeat(2_000)])}`,
        ];
        const request = Buffer.from(`${head.join('\r\n')}\r\n\r\n${text}`, 'latin1');
        const port = Number(new URL(random.pick(nodes).url).port);
        const answer = (await throwAt(port, [mutate(random, [request])])).toString('latin1');
        if (/^HTTP\/1\.1 500/.test(answer))
          throw new Error(`500 to ${request.toString('latin1')}: ${answer}`);
      },
    },
  ];
}

/** Whatever is sent: no 500, and an error that a program and a person can read. */
function expectHonest({ status, text, body }: HttpAnswer<unknown>, sent: string): void {
  const error = body?.error;
  const readable = status < 400 || (typeof error?.code === 'string' && typeof error.message === 'string');
  if (status === 500 || !readable) throw new Error(`${status} ${text.slice(0, 500)}\nto ${sent}`);
}
