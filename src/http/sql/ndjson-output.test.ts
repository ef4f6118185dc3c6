import type { ServerResponse } from 'node:http';
import { Writable } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';
import { expect, it } from 'vitest';
import type { Connection } from '../mysql/connection.js';
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
