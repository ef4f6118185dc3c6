const SLAB_BYTES = 64 * 1024;
/** Larger pieces get a buffer of their own. */
const SHARED_MAX = SLAB_BYTES / 8;

/**
 * Copies of many small pieces that are kept for about as long as each other: they lie in few large buffers, because each
 * buffer costs the garbage collector more than the bytes in it. Pieces are never written to again.
 */
export class Slab {
  #bytes: Buffer | null = null;
  #used = 0;

  copy(piece: Uint8Array): Buffer {
    const size = piece.length;
    if (size > SHARED_MAX) {
      const own = Buffer.allocUnsafeSlow(size);
      own.set(piece);
      return own;
    }
    if (this.#bytes === null || this.#used + size > SLAB_BYTES) {
      this.#bytes = Buffer.allocUnsafeSlow(SLAB_BYTES);
      this.#used = 0;
    }
    const from = this.#used;
    this.#used += size;
    this.#bytes.set(piece, from);
    return this.#bytes.subarray(from, this.#used);
  }
}
