/**
 * Pieces of bytes on their way from one producer to one reader, without a copy: a piece is lent until the reader asks for the
 * next one. Then its memory may hold other bytes.
 */
export interface LentPiecesModules {
  /** The reader waits, and there is nothing for it. */
  wanted(): void;
  /** Called once: the reader wants nothing more. It has read to the end and returned all pieces, or has stopped before. */
  stopped(): void;
  /** The reader is done with this piece. */
  returned?(piece: Buffer): void;
}

export class LentPieces implements AsyncIterable<Buffer> {
  readonly #modules: LentPiecesModules;
  readonly #waiting: Buffer[] = [];
  /** What the reader has now. */
  #lent: Buffer | null = null;
  #end: { readonly error: unknown } | null = null;
  /** The reader wants nothing more. */
  isStopped = false;
  #wake: () => void = () => {};
  /** Bytes of all pieces that were not returned yet. */
  heldBytes = 0;

  constructor(modules: LentPiecesModules) {
    this.#modules = modules;
  }

  give(piece: Buffer): void {
    if (this.#end !== null || this.isStopped) return;
    this.heldBytes += piece.length;
    this.#waiting.push(piece);
    this.#wake();
  }

  /** Nothing follows. With an error the reader gets it at once, and not what it has not asked for yet. */
  end(error: unknown = null): void {
    if (this.#end !== null) return;
    this.#end = { error };
    if (error !== null) this.#drop();
    this.#wake();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Buffer> {
    try {
      for (;;) {
        this.#return();
        const next = this.#waiting.shift();
        if (next !== undefined) {
          this.#lent = next;
          yield next;
        } else if (this.#end !== null) {
          if (this.#end.error !== null) throw this.#end.error;
          return;
        } else {
          const woken = new Promise<void>((resolve) => {
            this.#wake = resolve;
          });
          this.#modules.wanted();
          await woken;
        }
      }
    } finally {
      this.#return();
      this.stop();
    }
  }

  /** The reader wants nothing more; also before it has begun. */
  stop(): void {
    if (this.isStopped) return;
    this.isStopped = true;
    this.#drop();
    this.#modules.stopped();
  }

  #drop(): void {
    this.#waiting.length = 0;
    this.heldBytes = this.#lent?.length ?? 0;
  }

  #return(): void {
    const piece = this.#lent;
    if (piece === null) return;
    this.#lent = null;
    this.heldBytes -= piece.length;
    this.#modules.returned?.(piece);
  }
}
