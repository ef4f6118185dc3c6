import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { afterAll, expect, it } from 'vitest';
import { createNodeLogger, nodeLog } from './pino-logger.js';
import { RotatingFile } from './rotating-file.js';

const directory = mkdtempSync(join(tmpdir(), 'skein-logger-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

it('writes one JSON object a line, with child bindings, without secrets, and readable lines beside', async () => {
  const path = join(directory, 'node.log');
  const terminal = new PassThrough();
  const file = new RotatingFile({ path, bytesMax: 1e6 });
  const sink = nodeLog({ file, terminal });
  const logger = createNodeLogger({ sink, level: 'info', bindings: { node: 'n1' } });
  const child = logger.child({ part: 'replica', epoch: 1 }).child({ part: 'link' });
  child.warn({ peer: 'n2', token: 'abc', inner: { password: 'geheim' } }, 'link refused');
  child.info({ token: 'tok_1', path: `/v1/skein_${'A'.repeat(43)}` }, `at skein_${'A'.repeat(43)}`);
  child.debug({}, 'not at this level');
  const error = Object.assign(new Error('disk full'), { path: '/x', password: 'geheim' });
  child.error({ error }, 'append failed');
  child.child({ secret: 'geheim' }).error({ error: 'no error object' }, 'append failed');
  const text = readFileSync(path, 'utf8');
  const lines = text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  expect(lines).toHaveLength(4);
  expect(lines[0]).toMatchObject({
    level: 'warn',
    node: 'n1',
    part: 'link',
    peer: 'n2',
    msg: 'link refused',
  });
  expect(lines[1]).toMatchObject({ token: 'tok_1' });
  expect(lines[2]).toMatchObject({ level: 'error', error: { message: 'disk full', path: '/x' } });
  expect(lines[3]).toMatchObject({ secret: '(hidden)', error: 'no error object' });
  expect(Number.isNaN(Date.parse(String(lines[0]?.time)))).toBe(false);
  expect(text.split('\n')[0]?.match(/"part"/g)).toHaveLength(1);
  expect(text).not.toMatch(/abc|geheim/);
  expect(text).not.toMatch(/skein_A/);
  expect(String(terminal.read())).toContain('warn  [n1 link] link refused epoch=1 peer=n2');
});
