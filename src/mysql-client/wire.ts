/** A socket to a server whose bytes are given to one reader at a time. */
import net from 'node:net';

export type Address = { readonly socketPath: string } | { readonly host: string; readonly port: number };

export interface Wire {
  readonly socket: net.Socket;
  /** The bytes are only there during the call. */
  onRead(reader: (bytes: Buffer) => void): void;
}

/** One for all connections: a read is looked at before the next one begins, whosever it is. */
const READ_BUFFER = Buffer.allocUnsafeSlow(64 * 1024);

/** A buffer of its own for each read, as sockets have them otherwise, costs several microseconds. */
export function openWire(address: Address): Wire {
  let reader: (bytes: Buffer) => void = () => {};
  const onread = {
    buffer: READ_BUFFER,
    callback: (size: number) => {
      reader(READ_BUFFER.subarray(0, size));
      return true;
    },
  };
  const to =
    'socketPath' in address ? { path: address.socketPath } : { host: address.host, port: address.port };
  const socket = net.connect({ ...to, onread, noDelay: true });
  return {
    socket,
    onRead(next) {
      reader = next;
    },
  };
}
