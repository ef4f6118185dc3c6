/**
 * Limits the cost of JSON.parse before it is called: counts depth, values and keys while the bytes arrive. It does not check
 * whether the text is JSON; JSON.parse does that. Pure.
 */

export interface JsonLimits {
  readonly depthMax: number;
  readonly valuesMax: number;
  readonly keysMax: number;
}

export type JsonExcess = 'depth' | 'values' | 'keys';

const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const BACKSLASH = 0x5c;
const ARRAY = 0x5b;
const ARRAY_END = 0x5d;
const OBJECT = 0x7b;
const OBJECT_END = 0x7d;

export class JsonBounds {
  readonly #limits: JsonLimits;
  #depth = 0;
  #values = 1;
  #keys = 0;
  #inText = false;
  #escaped = false;

  constructor(limits: JsonLimits) {
    this.#limits = limits;
  }

  /** Scans the next bytes once. Returns which limit is exceeded, or null. */
  push(bytes: Uint8Array): JsonExcess | null {
    const { depthMax, valuesMax, keysMax } = this.#limits;
    let depth = this.#depth;
    let values = this.#values;
    let keys = this.#keys;
    let deepest = depth;
    let at = this.#escaped ? 1 : 0;
    while (at < bytes.length) {
      if (this.#inText) {
        at = this.#skipText(bytes, at);
        continue;
      }
      switch (bytes[at]) {
        case QUOTE:
          this.#inText = true;
          break;
        case ARRAY:
        case OBJECT:
          depth++;
          values++;
          if (depth > deepest) deepest = depth;
          break;
        case ARRAY_END:
        case OBJECT_END:
          depth--;
          break;
        case COMMA:
          values++;
          break;
        case COLON:
          keys++;
      }
      at++;
    }
    this.#escaped = at > bytes.length;
    this.#depth = depth;
    this.#values = values;
    this.#keys = keys;
    if (deepest > depthMax) return 'depth';
    if (keys > keysMax) return 'keys';
    return values > valuesMax ? 'values' : null;
  }

  /** The offset after the text's closing quote; or after the bytes, plus one when they end in a backslash. */
  #skipText(bytes: Uint8Array, from: number): number {
    for (let at = from; at < bytes.length; at++) {
      const byte = bytes[at];
      if (byte === BACKSLASH) at++;
      else if (byte === QUOTE) {
        this.#inText = false;
        return at + 1;
      }
      if (at === bytes.length) return at + 1;
    }
    return bytes.length;
  }
}
