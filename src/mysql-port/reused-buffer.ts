/** Enough for the answers of short queries; most connections ask nothing else. */
const FIRST_BYTES = 4 * 1024;
/** What a socket reads at a time otherwise. */
const MOST_BYTES = 64 * 1024;

/**
 * What a socket reads into, again and again: a buffer of its own for each read costs more than passing it on. For
 * `onread` of `net.connect`.
 */
export class ReusedBuffer {
  #buffer = Buffer.allocUnsafeSlow(FIRST_BYTES);
  /** Takes what was read; true = it still needs the bytes when it returns (a write that waits), so they are left to it. */
  reader: (bytes: Buffer) => boolean = () => false;

  readonly buffer = (): Buffer => this.#buffer;

  readonly callback = (size: number): boolean => {
    const isKept = this.reader(this.#buffer.subarray(0, size));
    const isFull = size === this.#buffer.length && size < MOST_BYTES;
    if (isKept || isFull) this.#buffer = Buffer.allocUnsafeSlow(isFull ? MOST_BYTES : this.#buffer.length);
    return true;
  };
}
