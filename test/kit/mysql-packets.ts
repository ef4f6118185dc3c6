import { CAPABILITY, encodeGreeting } from '../../src/mysql-protocol/login.js';
import { packet } from '../../src/mysql-protocol/packets.js';

/** What a server and a client of MySQL say first, as bytes. */

export const GREETING = packet(
  0,
  encodeGreeting(
    { serverVersion: '5.5.5-10.11.19-MariaDB', connectionId: 7, nonce: Buffer.alloc(20, 1), plugin: 'x' },
    0xffff,
  ),
).toString('latin1');
export const ok = (sequence: number) => packet(sequence, Buffer.from([0, 0, 0, 2, 0, 0, 0]));
export const query = (text: string) => packet(0, Buffer.from(`\u0003${text}`));
export const loginWith = (capabilities: number) => {
  const body = Buffer.alloc(40);
  body.writeUInt32LE(capabilities, 0);
  return packet(1, body);
};
export const LOGIN = loginWith(CAPABILITY.protocol41);
export const RESET = packet(0, Buffer.from([0x1f]));
