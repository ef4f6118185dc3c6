/**
 * Connections without a login, and which of them to close when there are too many. Pure.
 * A real client logs in within milliseconds; so the oldest is the least likely to be one.
 */

export interface LoginLimits {
  /** At the same time, on one port. */
  readonly loginsMax: number;
  /** Of these, from one address. */
  readonly loginsPerAddressMax: number;
  /** From the greeting to the server's OK. */
  readonly loginMs: number;
}

/**
 * A younger connection is closed only when its address has more than its share and the port is full: on a busy machine a
 * login may take this long.
 */
export const LOGIN_GRACE_MS = 2_000;

interface Place<T> {
  readonly item: T;
  readonly address: string;
  readonly sinceMs: number;
}

export class LoginPlaces<T> {
  readonly #limits: LoginLimits;
  readonly #all = new Map<T, Place<T>>();
  readonly #byAddress = new Map<string, Map<T, Place<T>>>();

  constructor(limits: LoginLimits) {
    this.#limits = limits;
  }

  get count(): number {
    return this.#all.size;
  }

  add(item: T, address: string, sinceMs: number): void {
    const place = { item, address, sinceMs };
    this.#all.set(item, place);
    const own = this.#byAddress.get(address) ?? new Map<T, Place<T>>();
    own.set(item, place);
    this.#byAddress.set(address, own);
  }

  /** It is logged in, or gone. */
  remove(item: T): void {
    const place = this.#all.get(item);
    if (!place) return;
    this.#all.delete(item);
    const own = this.#byAddress.get(place.address);
    own?.delete(item);
    if (own?.size === 0) this.#byAddress.delete(place.address);
  }

  /** Those whose time is over. */
  late(nowMs: number): T[] {
    const late: T[] = [];
    for (const { item, sinceMs } of this.#all.values()) {
      if (nowMs - sinceMs >= this.#limits.loginMs) late.push(item);
    }
    return late;
  }

  /** The connection to close for a new one; null = none. `full`: the port has no place left. */
  toDrop(nowMs: number, full: boolean): T | null {
    const crowd = this.#busiest();
    if (!crowd) return null;
    let oldest: Place<T> | null = null;
    for (const place of crowd.values()) if (place.sinceMs < (oldest?.sinceMs ?? Infinity)) oldest = place;
    if (!oldest) return null;
    const crowded = crowd.size > this.#limits.loginsPerAddressMax;
    const slow = nowMs - oldest.sinceMs >= LOGIN_GRACE_MS;
    const tooMany = full || crowded || this.#all.size > this.#limits.loginsMax;
    return tooMany && (slow || (full && crowded)) ? oldest.item : null;
  }

  /** From the address with the most: an address that fills the port must not push out others. */
  #busiest(): Map<T, Place<T>> | null {
    let busiest: Map<T, Place<T>> | null = null;
    for (const own of this.#byAddress.values()) if (own.size > (busiest?.size ?? 0)) busiest = own;
    return busiest;
  }
}
