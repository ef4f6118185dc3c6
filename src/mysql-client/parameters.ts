/** Bound parameters and the COM_STMT_EXECUTE packet. Pure. */
import { lenencSize, writeLenenc } from '../mysql-protocol/packet-reader.js';
import { PACKET_HEADER_SIZE, PACKET_PAYLOAD_MAX, packet } from '../mysql-protocol/packets.js';

export type BoundParameter =
  | { readonly kind: 'null' }
  | { readonly kind: 'integer'; readonly value: bigint }
  | { readonly kind: 'double'; readonly value: number }
  | { readonly kind: 'boolean'; readonly value: boolean }
  | { readonly kind: 'text'; readonly value: string }
  | { readonly kind: 'decimal'; readonly value: string }
  | { readonly kind: 'blob'; readonly value: Buffer };

/** Type numbers of the protocol. */
const TYPE = { boolean: 1, double: 5, null: 6, integer: 8, decimal: 246, blob: 252, text: 253 } as const;
const UNSIGNED = 0x80;
const COM_STMT_EXECUTE = 0x17;
/** Command, statement id, no cursor, and the count of executions, which is 1. */
const HEAD_BYTES = 10;

/** COM_STMT_EXECUTE without a cursor, as a whole packet. It is written into one buffer, because every HTTP request has one. */
export function executeCommand(statementId: number, parameters: readonly BoundParameter[]): Buffer {
  let size = HEAD_BYTES;
  if (parameters.length > 0) size += bitmapBytes(parameters.length) + 1 + 2 * parameters.length;
  for (const parameter of parameters) size += valueBytes(parameter);
  if (size >= PACKET_PAYLOAD_MAX) {
    const payload = Buffer.allocUnsafe(size);
    writeExecute(payload, 0, statementId, parameters);
    return packet(0, payload);
  }
  const bytes = Buffer.allocUnsafe(PACKET_HEADER_SIZE + size);
  bytes.writeUInt32LE(size, 0);
  writeExecute(bytes, PACKET_HEADER_SIZE, statementId, parameters);
  return bytes;
}

function bitmapBytes(count: number): number {
  return (count + 7) >> 3;
}

function valueBytes(parameter: BoundParameter): number {
  switch (parameter.kind) {
    case 'null':
      return 0;
    case 'integer':
    case 'double':
      return 8;
    case 'boolean':
      return 1;
    default: {
      const length = Buffer.byteLength(parameter.value);
      return lenencSize(length) + length;
    }
  }
}

function writeExecute(
  bytes: Buffer,
  from: number,
  statementId: number,
  parameters: readonly BoundParameter[],
): void {
  const count = parameters.length;
  bytes[from] = COM_STMT_EXECUTE;
  bytes.writeUInt32LE(statementId, from + 1);
  bytes[from + 5] = 0;
  bytes.writeUInt32LE(1, from + 6);
  if (count === 0) return;
  const bitmapAt = from + HEAD_BYTES;
  const typesAt = bitmapAt + bitmapBytes(count) + 1;
  bytes.fill(0, bitmapAt, typesAt);
  // 1: the types of the parameters follow.
  bytes[typesAt - 1] = 1;
  let at = typesAt + 2 * count;
  for (const [i, parameter] of parameters.entries()) {
    bytes[typesAt + 2 * i] = TYPE[parameter.kind];
    bytes[typesAt + 2 * i + 1] = isUnsigned(parameter) ? UNSIGNED : 0;
    if (parameter.kind === 'null')
      bytes[bitmapAt + (i >> 3)] = (bytes[bitmapAt + (i >> 3)] ?? 0) | (1 << (i & 7));
    else at = writeValue(bytes, at, parameter);
  }
}

function isUnsigned(parameter: BoundParameter): boolean {
  return parameter.kind === 'integer' && parameter.value > 0x7fffffffffffffffn;
}

/** Returns the offset behind the value. */
function writeValue(bytes: Buffer, at: number, parameter: Exclude<BoundParameter, { kind: 'null' }>): number {
  switch (parameter.kind) {
    case 'integer':
      return bytes.writeBigUInt64LE(BigInt.asUintN(64, parameter.value), at);
    case 'double':
      return bytes.writeDoubleLE(parameter.value, at);
    case 'boolean':
      bytes[at] = parameter.value ? 1 : 0;
      return at + 1;
    case 'text':
    case 'decimal': {
      const begin = writeLenenc(bytes, at, Buffer.byteLength(parameter.value));
      return begin + bytes.write(parameter.value, begin, 'utf8');
    }
    case 'blob': {
      const begin = writeLenenc(bytes, at, parameter.value.length);
      return begin + parameter.value.copy(bytes, begin);
    }
  }
}
