import { expect, it } from 'vitest';
import { changedVariables, STATUS } from './replies.js';

const ok = (status: number, ...rest: Buffer[]) =>
  Buffer.concat([Buffer.from([0, 0, 0, status & 0xff, status >> 8, 0, 0]), ...rest]);
const text = (value: string) => Buffer.concat([Buffer.from([value.length]), Buffer.from(value)]);
const part = (kind: number, data: Buffer) => Buffer.concat([Buffer.from([kind, data.length]), data]);
const changes = (...parts: Buffer[]) => {
  const data = Buffer.concat(parts);
  return Buffer.concat([Buffer.from([0, data.length]), data]);
};

it('reads which session variables an OK packet says were set', () => {
  const variable = part(0, Buffer.concat([text('character_set_results'), text('latin1')]));
  const two = part(0, Buffer.concat([text('a'), text('1'), text('b'), text('')]));
  const schema = part(1, text('demo'));
  expect([...changedVariables(ok(STATUS.sessionStateChanged, changes(schema, variable, two)))]).toEqual([
    ['character_set_results', 'latin1'],
    ['a', '1'],
    ['b', ''],
  ]);
  expect(changedVariables(ok(2)).size).toBe(0);
  expect(changedVariables(ok(STATUS.sessionStateChanged)).size).toBe(0);
  expect(changedVariables(ok(0, Buffer.from([0]))).size).toBe(0);
});
