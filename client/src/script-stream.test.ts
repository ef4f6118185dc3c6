import { expect, it } from 'vitest';
import { SkeinClient } from './client.js';
import type { SkeinError } from './error.js';

const A = [{ name: 'a', type: 'int', nullable: false }];
const END =
  '"position":"1.2","node":"n2","role":"replica","epoch":1,"lagMs":3,"acknowledgedBy":[],"durationMs":1';
const LINES = [
  `{"type":"columns","statement":0,"columns":${JSON.stringify(A)}}`,
  '{"type":"row","row":[1]}',
  '{"type":"row","row":[2]}',
  `{"type":"columns","statement":2,"columns":${JSON.stringify(A)}}`,
];

function answering(lines: readonly string[], size = 1_000_000) {
  const asked: { url: string; body: Record<string, unknown> }[] = [];
  const skein = new SkeinClient({
    nodes: 'http://a.example',
    token: 't',
    discover: false,
    fetch: async (url, init) => {
      asked.push({ url: String(url), body: JSON.parse(String(init?.body)) });
      const bytes = new TextEncoder().encode(`${lines.join('\n')}\n`);
      return new Response(
        new ReadableStream<Uint8Array>({
          start(controller) {
            for (let at = 0; at < bytes.length; at += size) controller.enqueue(bytes.slice(at, at + size));
            controller.close();
          },
        }),
      );
    },
  });
  return { asked, skein };
}

const THREE = [{ sql: 'SELECT 1' }, { sql: 'DO 1' }, { sql: 'SELECT 2' }];

it.each([1, 7, 1_000_000])('results come with their statements, in pieces of %d bytes', async (size) => {
  const { skein, asked } = answering([...LINES, `{"type":"end","results":[],${END}}`], size);
  const options = { node: 'http://b.example', level: 'bounded', maxLagMs: 5, database: 'shop' } as const;
  const script = skein.script(THREE, options);
  const rows = new Map<string, unknown[]>();
  for await (const { statement, set, columns, rows: some } of script) {
    expect(columns).toEqual(A);
    const key = `${statement}/${set}`;
    rows.set(key, [...(rows.get(key) ?? []), ...some]);
  }
  expect([...rows]).toEqual([
    ['0/0', [[1], [2]]],
    ['2/1', []],
  ]);
  expect(script.summary).toMatchObject({ node: 'n2', lagMs: 3 });
  // To the named node, which must not send it on.
  expect(asked.map(({ url }) => url)).toEqual(['http://b.example/v1/sql']);
  expect(asked[0]?.body).toEqual({
    statements: THREE.map(({ sql }) => ({ sql, params: [] })),
    ...{ database: 'shop', rows: 'array', read: { level: 'bounded', maxLagMs: 5 }, timeoutMs: 30_000 },
  });
});

it('an error says which statement it was, what those before it did, and comes after their rows', async () => {
  const error = '{"code":"ER_PARSE_ERROR","message":"wrong","applied":"partial","statement":2}';
  const { skein } = answering([
    ...LINES.slice(0, 3),
    `{"type":"error","error":${error},"results":[{"statement":0,"rowCount":2}]}`,
  ]);
  const rows: unknown[] = [];
  const read = async () => {
    for await (const batch of skein.script(THREE)) rows.push(...batch.rows);
  };
  const failure = await read().catch((thrown: SkeinError) => thrown);
  expect(failure).toMatchObject({
    ...{ code: 'ER_PARSE_ERROR', statement: 2, applied: 'partial', results: [{ statement: 0, rowCount: 2 }] },
  });
  expect(rows).toEqual([[1], [2]]);
});

it('an answer that is cut is not complete, and is not asked for again', async () => {
  const { skein, asked } = answering(LINES);
  const read = async () => {
    for await (const _ of skein.script(THREE));
  };
  await expect(read()).rejects.toMatchObject({ code: 'STREAM_CUT', applied: 'unknown' });
  expect(asked.length).toBe(1);
});

it('one statement is sent as one', async () => {
  const { skein, asked } = answering([`{"type":"end","results":[],${END}}`]);
  for await (const _ of skein.script([{ sql: 'SELECT ?', params: [1] }]));
  expect(asked[0]?.body).toMatchObject({ sql: 'SELECT ?', params: [1], forward: true });
});
