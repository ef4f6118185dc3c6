/** Payload of COM_REGISTER_SLAVE, as a replica announces itself. Host, user and password are only shown to people, and stay empty. */
export function registerCommand(serverId: number): Buffer {
  const payload = Buffer.alloc(1 + 4 + 1 + 1 + 1 + 2 + 4 + 4);
  payload[0] = 0x15;
  payload.writeUInt32LE(serverId, 1);
  return payload;
}
