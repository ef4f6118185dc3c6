/** Every endpoint from its definition, through the real server and the real client; values of every type; noise. */

import { Ajv2020, type AnySchemaObject } from 'ajv/dist/2020.js';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type CallableEndpoint, SkeinClient } from '../../client/src/index.js';
import { ERRORS } from '../../src/api/errors.js';
import { roleCovers, TOKEN_ROLES } from '../../src/auth/token.js';
import { ENDPOINTS, type EndpointName } from '../../src/http/endpoints/all.js';
import type { EndpointDefinition } from '../../src/http/endpoints/definition.js';
import { errorsOf } from '../../src/http/endpoints/errors-of.js';
import { Joiner } from '../../src/joining/exchange.js';
import { parseJoinToken } from '../../src/joining/join-token.js';
import { LINK_VERSION } from '../../src/wire/frames.js';
import { type Answer, HttpNode } from '../kit/http-node.js';
import { until } from '../kit/until.js';

let http: HttpNode;
const ajv = new Ajv2020({ strict: false, allErrors: true });

beforeAll(async () => {
  http = await HttpNode.start();
  await http.sql('CREATE DATABASE demo');
  await http.sql('CREATE TABLE demo.t (id INT PRIMARY KEY, v JSON)');
  await http.sql('INSERT INTO demo.t VALUES (1, NULL), (2, \'{"n": 12345678901234567890}\')');
  const document = await http.call('/v1/openapi.json');
  expect(document.status).toBe(200);
  ajv.addSchema({ $id: 'skein:', ...closed(document.body) });
});
afterAll(async () => {
  await http?.stop();
});

/** What an answer holds and the document does not name is a mistake too. */
function closed<T>(value: T): T {
  if (Array.isArray(value)) return value.map(closed) as T;
  if (typeof value !== 'object' || value === null) return value;
  const copy = Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, closed(inner)]));
  const isObject = copy.type === 'object' && typeof copy.properties === 'object';
  return (
    isObject && !('additionalProperties' in copy) ? { ...copy, additionalProperties: false } : copy
  ) as T;
}

interface Input {
  readonly params?: Readonly<Record<string, string>>;
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: Readonly<Record<string, unknown>>;
}

const newToken = async () =>
  (await http.call('/v1/tokens', { role: 'admin', body: { name: 'sample', role: 'read' } })).body.id;
let users = 0;
const newUser = async () =>
  (await http.call('/v1/users', { role: 'admin', body: { name: `user-${++users}`, role: 'write' } })).body
    .name;
/** Its session waits for it in the background. */
const newStatement = async () => {
  const mark = `sample ${++users}`;
  void http.call('/v1/sql', { body: { sql: `SELECT SLEEP(20) /* ${mark} */` } });
  return await until('the statement runs', async () => {
    const { body } = await http.call('/v1/statements', { role: 'admin' });
    return body.statements.find(({ statement }: { statement: string }) => statement.includes(mark))?.id;
  }).then(String);
};
const newTx = async () => (await http.call('/v1/tx', { role: 'admin', body: {} })).body.id;

const newJoinToken = async () => (await http.call('/v1/join-tokens', { role: 'admin', body: {} })).body;
/** The ports that it names are those of the node itself, so that somebody answers there. */
const joinRequest = async () => {
  const token = parseJoinToken((await newJoinToken()).token);
  if (!token) throw new Error('no join token was made');
  const port = Number(new URL(http.url).port);
  const details = {
    ...{ name: 'n9', skein: '0', link: LINK_VERSION, server: { flavour: 'mariadb', version: '99.0.0' } },
    ...{ host: '127.0.0.1', ports: { http: port, link: port, mysql: null } },
    ...{ freeBytes: 2 ** 50, publicKey: null, hasCertificate: false },
  };
  return { ...new Joiner(token).request('check', details) };
};

/** A good request for each: a new endpoint needs one here before this compiles. */
const SAMPLES: Readonly<Record<EndpointName, () => Input | Promise<Input>>> = {
  postSql: () => ({ body: { sql: 'SELECT id, v FROM demo.t', rows: 'object' } }),
  postTx: () => ({ body: { idleMs: 1000 } }),
  postTxCommit: async () => ({ params: { id: await newTx() }, body: {} }),
  postTxRollback: async () => ({ params: { id: await newTx() }, body: {} }),
  getOutcome: () => ({ params: { key: 'nobody-used-this' } }),
  getSchema: () => ({ query: { database: 'demo' } }),
  getTable: () => ({ params: { database: 'demo', table: 't' } }),
  getRows: () => ({ params: { database: 'demo', table: 't' }, query: { limit: '1' } }),
  getCluster: () => ({}),
  getEvents: () => ({}),
  getHistory: () => ({ query: { seconds: '5' } }),
  getStatements: () => ({}),
  deleteStatement: async () => ({ params: { id: await newStatement() } }),
  getMembers: () => ({}),
  postMembers: () => ({
    body: {
      ...{ name: 'n9', link: { host: '127.0.0.1', port: 7099 }, http: 'http://127.0.0.1:8099' },
      ...{ mysqlRw: null, mysqlRo: null },
    },
  }),
  deleteMember: () => ({ params: { name: 'n9' } }),
  getLogs: () => ({ query: { tail: '10' } }),
  getAudit: () => ({ query: { tail: '10' } }),
  getMetrics: () => ({}),
  getDump: () => ({ query: { database: 'demo' } }),
  getBackup: () => ({}),
  getTokens: () => ({}),
  getOwnToken: () => ({}),
  postTokens: () => ({ body: { name: 'made', role: 'read', rateLimit: 5 } }),
  rotateToken: async () => ({ params: { id: await newToken() }, body: { graceSeconds: 1 } }),
  deleteToken: async () => ({ params: { id: await newToken() } }),
  getJoinTokens: () => ({}),
  postJoinTokens: () => ({ body: { expiresInSeconds: 60 } }),
  deleteJoinToken: async () => ({ params: { id: (await newJoinToken()).id } }),
  postJoin: async () => ({ body: await joinRequest() }),
  getUsers: () => ({}),
  postUsers: () => ({ body: { name: `made-${++users}`, role: 'read', databases: ['demo'] } }),
  rotateUser: async () => ({ params: { name: await newUser() }, body: {} }),
  deleteUser: async () => ({ params: { name: await newUser() }, query: { force: 'true' } }),
  getVerify: () => ({}),
  postVerify: () => ({ body: { database: 'demo', table: 't', repair: true } }),
  deleteVerify: () => ({}),
  postSwitchover: () => ({ body: { to: 'n2', dryRun: true } }),
  reseedNode: () => ({ params: { name: 'n2' }, body: {} }),
  cancelReseed: () => ({ params: { name: 'n2' } }),
  postPromote: () => ({ params: { name: 'n1' }, body: { force: true } }),
  postMaintenance: () => ({ params: { name: 'n1' }, body: { on: false } }),
  getOpenApi: () => ({}),
  getHealth: () => ({}),
  getReady: () => ({}),
  getPrimary: () => ({}),
  getReplica: () => ({ query: { maxLagMs: '1000' } }),
};

const names = Object.keys(ENDPOINTS) as EndpointName[];
const all = names.map((name) => [name, ENDPOINTS[name] as EndpointDefinition] as const);

function pathOf({ path }: EndpointDefinition, { params = {}, query }: Input): string {
  const filled = path.replace(/:(\w+)/g, (_all, name: string) => encodeURIComponent(params[name] ?? ''));
  return query ? `${filled}?${new URLSearchParams(query)}` : filled;
}

function send(
  definition: EndpointDefinition,
  input: Input,
  role: 'read' | 'write' | 'admin' | null,
): Promise<Answer> {
  return http.call(pathOf(definition, input), {
    role,
    method: definition.method,
    ...(input.body && { body: input.body }),
  });
}

/** An error in the common shape, with a code and a status that the endpoint's definition knows. */
function expectError(answer: Answer, definition: EndpointDefinition, status: number, code?: string): void {
  expect(answer.status, answer.text).toBe(status);
  const check = ajv.getSchema('skein:#/components/schemas/ErrorBody');
  if (!definition.failure) expect(check?.(answer.body), JSON.stringify(check?.errors)).toBe(true);
  if (code !== undefined) expect(answer.body.error.code).toBe(code);
  const known = errorsOf(definition).filter((known) =>
    (ERRORS[known].status as readonly number[]).includes(status),
  );
  const told: string = answer.body.error.code;
  expect(
    known.some((one) => (one === 'ER_*' ? told.startsWith('ER_') : one === told)),
    told,
  ).toBe(true);
}

describe.each(all)('%s', (name, definition) => {
  it('answers a good request as its definition says', async () => {
    const path = pathOf(definition, await SAMPLES[name]());
    if (definition.produces === 'event-stream') {
      const over = new AbortController();
      const headers = { authorization: `Bearer ${http.tokens.read}` };
      const response = await fetch(`${http.url}${path}`, { headers, signal: over.signal });
      expect([response.status, response.headers.get('content-type')]).toEqual([
        200,
        expect.stringContaining('text/event-stream'),
      ]);
      over.abort();
      return;
    }
    const answer = await send(definition, await SAMPLES[name](), definition.auth === null ? null : 'admin');
    expect(definition.statuses ?? [200], answer.text).toContain(answer.status);
    if (answer.body === null) return;
    const pointer = `/paths/${definition.path.replace(/:(\w+)/g, '{$1}').replaceAll('/', '~1')}/${definition.method.toLowerCase()}`;
    const reference = `skein:#${pointer}/responses/${answer.status}/content/application~1json/schema`;
    const check =
      ajv.getSchema(encodeURI(reference)) ?? ajv.compile({ $ref: encodeURI(reference) } as AnySchemaObject);
    expect(check(answer.body), `${answer.text}\n${JSON.stringify(check.errors)}`).toBe(true);
  });

  it.skipIf(definition.auth === null)('asks for a token before anything else, and for its role', async () => {
    const params = { id: 'x', key: 'x', name: 'x', database: 'x', table: 'x' };
    const wrong: Input = {
      params,
      query: { nonsense: '1' },
      ...(definition.body && { body: { nonsense: true } }),
    };
    expectError(await send(definition, wrong, null), definition, 401, 'UNAUTHORIZED');
    for (const role of TOKEN_ROLES.filter((role) => definition.auth && !roleCovers(role, definition.auth))) {
      expectError(await send(definition, wrong, role), definition, 403, 'FORBIDDEN');
    }
  });

  it('refuses what it does not know', async () => {
    const input = await SAMPLES[name]();
    const role = definition.auth === null ? null : 'admin';
    const query = { ...input.query, nonsense: '1' };
    expectError(await send(definition, { ...input, query }, role), definition, 400, 'UNKNOWN_FIELD');
    if (!definition.body) return;
    const body = { ...input.body, nonsense: 1 };
    expectError(await send(definition, { ...input, body }, role), definition, 400, 'UNKNOWN_FIELD');
    for (const raw of ['[]', '1', '{', '{"a":']) {
      const answer = await http.call(pathOf(definition, input), {
        role,
        method: definition.method,
        body: raw,
      });
      expectError(answer, definition, 400);
    }
  });

  it.skipIf(['event-stream', 'binary'].includes(definition.produces ?? 'json'))(
    'answers the client',
    async () => {
      const client = new SkeinClient({ nodes: http.url, token: http.tokens.admin, discover: false });
      const input = await SAMPLES[name]();
      const answer = await client.call(name as CallableEndpoint, input as never);
      expect(answer).toBeTypeOf(definition.produces ? 'string' : 'object');
      const strange = client.call(
        name as CallableEndpoint,
        { ...input, query: { nonsense: 1 }, timeoutMs: 20_000 } as never,
      );
      await expect(strange).rejects.toMatchObject({
        name: 'SkeinError',
        code: 'UNKNOWN_FIELD',
        status: 400,
        applied: 'no',
      });
    },
  );
});

describe('values of every type, in and out by parameters', () => {
  const nines = (count: number) => '9'.repeat(count);
  const MAX_BLOB = Buffer.alloc(0xffffff, 0xa5).toString('base64');
  const tagged = ($type: string, value: unknown) => ({ $type, value });
  /** [type, parameter, answer if it is another one] */
  const VALUES: readonly (readonly [string, unknown, unknown?])[] = [
    ['TINYINT', -128],
    ['TINYINT UNSIGNED', 255],
    ['SMALLINT', -32768],
    ['MEDIUMINT UNSIGNED', 16777215],
    ['INT UNSIGNED', 4294967295],
    ['BOOLEAN', true, 1],
    ['BIGINT', tagged('bigint', '-9223372036854775808'), '-9223372036854775808'],
    ['BIGINT UNSIGNED', tagged('bigint', '18446744073709551615'), '18446744073709551615'],
    ['DECIMAL(65,30)', tagged('decimal', `-${nines(35)}.${nines(30)}`), `-${nines(35)}.${nines(30)}`],
    ['DECIMAL(65,0)', nines(65)],
    ['FLOAT', -3.40282e38],
    ['FLOAT', 1.1],
    ['DOUBLE', 1.7976931348623157e308],
    ['DOUBLE', 5e-324],
    ['DOUBLE', 0.30000000000000004],
    ['BIT(64)', tagged('blob', '//////////8='), '//////////8='],
    ['BIT(1)', true, 'AQ=='],
    ['YEAR', 1901],
    ['YEAR', '0000', 0],
    ['DATE', '0000-00-00'],
    ['DATE', '9999-12-31'],
    ['TIME(6)', '-838:59:59.999999'],
    ['DATETIME', '0000-00-00 00:00:00'],
    ['DATETIME(6)', '9999-12-31 23:59:59.999999'],
    ['TIMESTAMP(6)', tagged('datetime', '2026-01-02T05:04:05.000006+02:00'), '2026-01-02 03:04:05.000006'],
    ['TIMESTAMP', '0000-00-00 00:00:00'],
    ['CHAR(4)', '雁🪶ä'],
    ['VARCHAR(100)', '\u0000\u0001"\\\'\n\u2028🪶'],
    ['LONGTEXT', '🪶'.repeat(100_000)],
    ['BINARY(4)', tagged('blob', 'AAH+/w=='), 'AAH+/w=='],
    ['VARBINARY(10)', tagged('blob', ''), ''],
    ['MEDIUMBLOB', tagged('blob', MAX_BLOB), MAX_BLOB],
    ["ENUM('','a','ö','it''s')", "it's"],
    ["SET('a','b','ö')", 'a,ö'],
    ['UUID', '123e4567-e89b-12d3-a456-426655440000'],
    ['INET4', '255.255.255.255'],
    ['INET6', 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff'],
    ['JSON', { a: [1, null, '🪶', { b: 1.5 }] }],
  ];

  it.each(VALUES)('%s', async (type, parameter, expected = parameter) => {
    const insert = { sql: 'INSERT INTO demo.one VALUES (?), (?)', params: [parameter, null] };
    await http.sql({
      statements: [
        { sql: `CREATE OR REPLACE TABLE demo.one (v ${type} NULL)` },
        { sql: "SET SESSION sql_mode = 'STRICT_TRANS_TABLES'" },
        insert,
      ],
    });
    const [result] = (await http.sql('SELECT v FROM demo.one ORDER BY v IS NULL', 'read')).results;
    expect(
      result.rows[0][0] === expected || JSON.stringify(result.rows[0][0]) === JSON.stringify(expected),
    ).toBe(true);
    expect(result.rows[1]).toEqual([null]);
  });

  it('JSON and GEOMETRY keep what JavaScript could not carry', async () => {
    await http.sql('CREATE OR REPLACE TABLE demo.one (j JSON, g GEOMETRY)');
    const document = '{"big": 123456789012345678901234567890.123456789, "s": "🪶"}';
    const point = '00000000010100000000000000000000f03fffffffffffffefff';
    await http.sql({
      sql: 'INSERT INTO demo.one VALUES (?, ?)',
      params: [document, tagged('blob', Buffer.from(point, 'hex').toString('base64'))],
    });
    const answer = await http.call('/v1/sql', { body: { sql: 'SELECT * FROM demo.one' } });
    expect(answer.text).toContain(document);
    expect(answer.body.results[0].columns.map(({ type }: { type: string }) => type)).toEqual([
      'json',
      'geometry',
    ]);
    expect(Buffer.from(answer.body.results[0].rows[0][1], 'base64').toString('hex')).toBe(point);
  });
});

describe('noise', () => {
  const noise = fc.oneof(
    fc.jsonValue(),
    fc.record({ sql: fc.string(), params: fc.array(fc.jsonValue(), { maxLength: 3 }) }),
    fc.record({ name: fc.string(), role: fc.constantFrom('read', 'admin', ''), rateLimit: fc.jsonValue() }),
    fc.record({ idleMs: fc.integer(), isolation: fc.string(), read: fc.record({ after: fc.string() }) }),
  );
  const printable = fc.stringMatching(/^[ -~]{0,40}$/);
  const segment = fc.oneof(
    fc.constantFrom('demo', 't', 'skein', 'tokens', '..', '%00', '`', "'"),
    fc.string({ minLength: 1 }),
  );

  it('no body, header, path or query makes a 500 or a hang on any endpoint, or writes with a read token', async () => {
    const before = await http.gtid();
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...all.filter(([, { produces }]) => produces !== 'event-stream')),
        noise,
        fc.record({
          a: segment,
          b: segment,
          key: fc.oneof(fc.constantFrom('next', 'limit', 'tail', 'maxLagMs'), printable),
        }),
        fc.record({ position: printable, id: printable, idempotency: printable, accept: printable }),
        async ([, definition], body, place, header) => {
          const [first = 'a', ...others] = definition.path.match(/:\w+/g) ?? [];
          const params = Object.fromEntries(
            [first, ...others].map((name, i) => [name.slice(1), i ? place.b : place.a]),
          );
          const path = pathOf(definition, { params, query: { [place.key]: place.b } });
          const response = await fetch(`${http.url}${path}`, {
            method: definition.method,
            headers: {
              authorization: `Bearer ${http.tokens.read}`,
              'x-skein-position': header.position,
              'x-request-id': header.id,
              'idempotency-key': header.idempotency,
              accept: header.accept,
            },
            ...(definition.method !== 'GET' && { body: JSON.stringify(body) ?? '' }),
            signal: AbortSignal.timeout(30_000),
          });
          await response.text();
          expect(
            response.status === 503 || response.status < 500,
            `${definition.path} ${response.status}`,
          ).toBe(true);
        },
      ),
      { numRuns: 400 },
    );
    expect(await http.gtid()).toBe(before);
    expect((await http.call('/v1/sql', { body: { sql: 'SELECT 1' } })).status).toBe(200);
  });
});
