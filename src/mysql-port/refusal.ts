import { ERRNO } from '../mysql-protocol/errno.js';
import { PACKET_HEADER_SIZE, packet } from '../mysql-protocol/packets.js';

/**
 * The error that a client gets in place of a greeting. Drivers know both numbers as failures to connect, after which a pool
 * tries again, and never as failures of a statement.
 */
export interface Refusal {
  readonly errno: number;
  readonly message: string;
}

/** First byte of an error. */
const ERR = 0xff;
/**
 * Of class 08S01: "this server is going away, connect again". MySQL Router sends 2003 here, a client's own number, which
 * MariaDB's client library refuses to take from a server (seen with 10.11: "2027 Received malformed packet").
 */
const GOING_AWAY = ERRNO.shutdown;

export function tooManyConnections(port: string, max: number): Refusal {
  return {
    errno: ERRNO.tooManyConnections,
    message: `Too many connections: the ${port} port of this Skein node takes ${max} at a time ("mysqlConnectionsMax")`,
  };
}

export function nowhereToGo(port: string, reason: string): Refusal {
  return {
    errno: GOING_AWAY,
    message: `Skein's ${port} port has no server to go to: ${reason} Nothing was executed; try again ("skein status" shows the cluster)`,
  };
}

/**
 * Why another node's port has no server for a client; null = these bytes are something else. That node may only be behind
 * with what it knows of the primary.
 */
export function refusalIn(bytes: Buffer): string | null {
  const body = bytes.subarray(PACKET_HEADER_SIZE);
  if (body.length < 3 || body[0] !== ERR || body.readUInt16LE(1) !== GOING_AWAY) return null;
  return body.toString('utf8', 3);
}

/**
 * An ERR packet before the handshake has no SQL state: the server does not know yet whether its client speaks protocol
 * 4.1, and C clients would show "#08004" as part of the text.
 */
export function encodeRefusal({ errno, message }: Refusal): Buffer {
  return packet(0, Buffer.concat([Buffer.from([ERR, errno & 0xff, errno >> 8]), Buffer.from(message)]));
}
