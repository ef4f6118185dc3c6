import type { ServerResponse } from 'node:http';
import { Writable } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';
import { expect, it } from 'vitest';
import type { Connection } from '../mysql-client/connection.js';
import { NdjsonOutput } from './ndjson-output.js';

it('holds up its session for a slow client, but not any more when it was given back: it may serve another request', async () => {
  const calls: string[] = [];
  const connection = {
    pause: () => calls.push('pause'),
    resume: () => calls.push('resume'),
  } as unknown as Connection;
  const taken: (() => void)[] = [];
  const slow = new Writable({ highWaterMark: 1, write: (_chunk, _encoding, done) => void taken.push(done) });
  const output = new NdjsonOutput(
    { rows: 'array', bigint: 'string' },
    () => slow as unknown as ServerResponse,
  );
  const drain = async () => {
    taken.shift()?.();
    await turn();
  };
  const line = async () => {
    output.columns([]);
    await turn();
  };
  output.source(connection);
  output.begin(null);
  await line();
  await drain();
  expect(calls).toEqual(['pause', 'resume']);
  await line();
  output.source(null);
  await drain();
  output.finish('{"type":"end"}');
  slow.destroy();
  await turn();
  expect(calls).toEqual(['pause', 'resume', 'pause']);
});

it('writes each value on one line, whatever breaks lines in it', () => {
  const output = new NdjsonOutput({ rows: 'array', bigint: 'string' }, () => {
    throw new Error('nothing is sent');
  });
  const text = (value: string, format: string | null) => {
    const bytes = Buffer.from(value);
    output.columns([
      { name: 'x\u2028y', charset: 45, type: 253, flags: 0, decimals: 0, format, typeName: null },
    ]);
    output.row(Buffer.concat([Buffer.from([0, 0, bytes.length]), bytes]));
  };
  const pretty = '{\n  "a": [\r\n 1, 2],\n  "b": "x\\ny"\n}';
  text(pretty, 'json');
  text('a\nb\r\u0085\u2028\u2029c', null);
  const lines = output.take('{"type":"end","note":"\u2029"}').split(/[\n\r\u0085\u2028\u2029]/);
  expect(lines.pop()).toBe('');
  expect(lines.map((line) => JSON.parse(line))).toMatchObject([
    { type: 'columns', columns: [{ name: 'x\u2028y' }] },
    { type: 'row', row: [JSON.parse(pretty)] },
    { type: 'columns' },
    { type: 'row', row: ['a\nb\r\u0085\u2028\u2029c'] },
    { type: 'end', note: '\u2029' },
  ]);
});
