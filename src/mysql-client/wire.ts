/** A socket to a server. One reader at a time gets its bytes. */
import net from 'node:net';

export type Address = { readonly socketPath: string } | { readonly host: string; readonly port: number };

export interface Wire {
  readonly socket: net.Socket;
  /** Sets the reader. The bytes are valid only during the call. */
  onRead(reader: (bytes: Buffer) => void): void;
}

/** All connections share it: each read is handled completely before the next read of any connection. */
const READ_BUFFER = Buffer.allocUnsafeSlow(64 * 1024);

/** Reads into one buffer. By default a socket makes a new buffer for each read, which takes several microseconds. */
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
