import type { OnReadOpts } from 'node:net';

/** What one read of a link can take. */
const READ_BYTES = 128 * 1024;

/**
 * A socket that is made with `onread` reads into this one buffer, instead of a new one of 64 KiB for each read, which the
 * garbage collector has to look after. What is taken must be copied before the next read.
 */
export class ReadBuffer {
  take: (chunk: Buffer) => void = () => {};
  readonly onread: OnReadOpts;

  constructor(readBytes = READ_BYTES) {
    this.onread = {
      buffer: Buffer.allocUnsafeSlow(readBytes),
      callback: (size, buffer) => {
        this.take((buffer as Buffer).subarray(0, size));
        return true;
      },
    };
  }
}
