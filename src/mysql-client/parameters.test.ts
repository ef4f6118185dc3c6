import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PacketReader } from '../mysql-protocol/packet-reader.js';
import { PACKET_PAYLOAD_MAX, PacketSplitter } from '../mysql-protocol/packets.js';
import { type BoundParameter, executeCommand } from './parameters.js';

const hex = (bytes: Buffer) => bytes.toString('hex');
/** Header, command, id 5, no cursor, one execution. */
const HEAD = (size: string) => `${size}00 17 05000000 00 01000000`.replaceAll(' ', '');

/** The values with their types, as the server reads them. */
function readBack(bytes: Buffer, count: number): unknown[] {
  const splitter = new PacketSplitter({ payloadMaxBytes: 2 ** 30 });
  splitter.push(bytes);
  const reader = new PacketReader(splitter.next() ?? Buffer.alloc(0));
  expect(splitter.next()).toBeNull();
  expect(splitter.takeRest().length).toBe(0);
  expect([reader.u8(), reader.u32(), reader.u8(), reader.u32()]).toEqual([0x17, 7, 0, 1]);
  if (count === 0) return [];
  const bitmap = reader.slice((count + 7) >> 3);
  expect(reader.u8()).toBe(1);
  const types = Array.from({ length: count }, () => [reader.u8(), reader.u8()]);
  const values = types.map(([type, flags], i) => {
    if (((bitmap[i >> 3] ?? 0) >> (i & 7)) & 1) return [type, null];
    switch (type) {
      case 8: {
        const value = reader.u64();
        return [type, flags === 0x80 ? value : BigInt.asIntN(64, value)];
      }
      case 5: {
        const value = reader.bytes.readDoubleLE(reader.offset);
        reader.skip(8);
        return [type, value];
      }
      case 1:
        return [type, reader.u8() === 1];
      case 252:
        return [type, hex(reader.slice(reader.lenenc()))];
      default:
        return [type, reader.lenencText()];
    }
  });
  expect(reader.remaining).toBe(0);
  return values;
}

const TYPES = { null: 6, integer: 8, double: 5, boolean: 1, text: 253, decimal: 246, blob: 252 };

describe('executeCommand', () => {
  it('is the bytes of the protocol', () => {
    expect(hex(executeCommand(5, []))).toBe(HEAD('0a0000'));
    const parameters: BoundParameter[] = [
      { kind: 'integer', value: -2n },
      { kind: 'null' },
      { kind: 'text', value: 'ü' },
      { kind: 'boolean', value: true },
    ];
    const rest = '02 01 0800 0600 fd00 0100 feffffffffffffff 02c3bc 01'.replaceAll(' ', '');
    expect(hex(executeCommand(5, parameters))).toBe(`${HEAD('200000')}${rest}`);
  });

  it('can be read back, whatever the values are', () => {
    const parameter: fc.Arbitrary<BoundParameter> = fc.oneof(
      fc.constant({ kind: 'null' } as const),
      fc.bigInt(-(2n ** 63n), 2n ** 64n - 1n).map((value) => ({ kind: 'integer', value }) as const),
      fc.double({ noNaN: true }).map((value) => ({ kind: 'double', value }) as const),
      fc.boolean().map((value) => ({ kind: 'boolean', value }) as const),
      fc.string({ unit: 'grapheme', maxLength: 300 }).map((value) => ({ kind: 'text', value }) as const),
      fc.constantFrom('1.50', '-0').map((value) => ({ kind: 'decimal', value }) as const),
      fc
        .uint8Array({ maxLength: 300 })
        .map((value) => ({ kind: 'blob', value: Buffer.from(value) }) as const),
    );
    fc.assert(
      fc.property(fc.array(parameter, { maxLength: 20 }), (parameters) => {
        const expected = parameters.map((each) => {
          if (each.kind === 'null') return [TYPES.null, null];
          return [TYPES[each.kind], each.kind === 'blob' ? hex(each.value) : each.value];
        });
        expect(readBack(executeCommand(7, parameters), parameters.length)).toEqual(expected);
      }),
    );
  });

  it('may be longer than one packet', () => {
    const value = Buffer.alloc(PACKET_PAYLOAD_MAX, 3);
    const [[type, text] = []] = readBack(executeCommand(7, [{ kind: 'blob', value }]), 1) as unknown[][];
    expect(type).toBe(TYPES.blob);
    expect(text).toBe(hex(value));
  });
});
