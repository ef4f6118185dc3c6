/** Bound parameters and the COM_STMT_EXECUTE packet. Pure. */
import { lenencBytes } from '../mysql-protocol/packet-reader.js';

export type BoundParameter =
  | { readonly kind: 'null' }
  | { readonly kind: 'integer'; readonly value: bigint }
  | { readonly kind: 'double'; readonly value: number }
  | { readonly kind: 'boolean'; readonly value: boolean }
  | { readonly kind: 'text'; readonly value: string }
  | { readonly kind: 'decimal'; readonly value: string }
  | { readonly kind: 'blob'; readonly value: Buffer };

/** [protocol type, unsigned flag] */
function wireType(parameter: BoundParameter): [number, number] {
  switch (parameter.kind) {
    case 'null':
      return [6, 0];
    case 'integer':
      return [8, parameter.value > 0x7fffffffffffffffn ? 0x80 : 0];
    case 'double':
      return [5, 0];
    case 'boolean':
      return [1, 0];
    case 'text':
      return [253, 0];
    case 'decimal':
      return [246, 0];
    case 'blob':
      return [252, 0];
  }
}

function wireValue(parameter: BoundParameter): Buffer[] {
  switch (parameter.kind) {
    case 'null':
      return [];
    case 'integer': {
      const bytes = Buffer.allocUnsafe(8);
      bytes.writeBigUInt64LE(BigInt.asUintN(64, parameter.value));
      return [bytes];
    }
    case 'double': {
      const bytes = Buffer.allocUnsafe(8);
      bytes.writeDoubleLE(parameter.value);
      return [bytes];
    }
    case 'boolean':
      return [Buffer.from([parameter.value ? 1 : 0])];
    case 'text':
    case 'decimal': {
      const bytes = Buffer.from(parameter.value, 'utf8');
      return [lenencBytes(bytes.length), bytes];
    }
    case 'blob':
      return [lenencBytes(parameter.value.length), parameter.value];
  }
}

/** Payload of COM_STMT_EXECUTE without a cursor. */
export function encodeExecute(statementId: number, parameters: readonly BoundParameter[]): Buffer {
  const count = parameters.length;
  const head = Buffer.alloc(10);
  head[0] = 0x17;
  head.writeUInt32LE(statementId, 1);
  head.writeUInt32LE(1, 6);
  if (count === 0) return head;
  const bitmap = Buffer.alloc((count + 7) >> 3);
  const types = Buffer.alloc(count * 2);
  const values: Buffer[] = [];
  parameters.forEach((parameter, i) => {
    const [type, unsigned] = wireType(parameter);
    types[2 * i] = type;
    types[2 * i + 1] = unsigned;
    if (parameter.kind === 'null') bitmap[i >> 3] = (bitmap[i >> 3] ?? 0) | (1 << (i & 7));
    else values.push(...wireValue(parameter));
  });
  return Buffer.concat([head, bitmap, Buffer.from([1]), types, ...values]);
}
