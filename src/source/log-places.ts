/** Number of groups that are remembered. A snapshot's place is looked up within milliseconds, so it is a recent one. */
const KEPT = 8_192;

/** The places in the server's log files at which the latest groups end. Each group costs three writes into arrays. */
export class LogPlaces {
  readonly #positions = new Float64Array(KEPT);
  readonly #ordinals = new Float64Array(KEPT);
  readonly #files: string[] = new Array(KEPT).fill('');
  #next = 0;

  note(ordinal: number, file: string, position: number): void {
    const at = this.#next;
    this.#ordinals[at] = ordinal;
    this.#positions[at] = position;
    this.#files[at] = file;
    this.#next = (at + 1) % KEPT;
  }

  /** The ordinal of the group that ends exactly at this place; null = not known. */
  ordinalAt(file: string, position: number): number | null {
    for (let back = 1; back <= KEPT; back++) {
      const at = (this.#next - back + KEPT) % KEPT;
      if (this.#positions[at] === position && this.#files[at] === file) return this.#ordinals[at] ?? null;
    }
    return null;
  }
}
