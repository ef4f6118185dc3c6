/** Answers of the endpoint that are alike for the servers of all kinds. */
import { encodeErr, encodeRow, OK_PAYLOAD, packet } from '../mysql-protocol/packets.js';
import type { SourceReply } from './source-side.js';

export function row(columns: readonly string[], values: readonly string[]): SourceReply {
  return { kind: 'send', bytes: encodeRow(1, columns, values) };
}

export function ok(): SourceReply {
  return { kind: 'send', bytes: packet(1, OK_PAYLOAD) };
}

export function refused(statement: string): SourceReply {
  const message =
    'This is the replication endpoint of a Skein node; it answers only the commands of a replica.';
  return {
    kind: 'refused',
    statement: statement.slice(0, 200),
    bytes: packet(1, encodeErr({ errno: 1235, sqlState: '42000', message })),
  };
}
