/** One connection that was turned away or cut off before it was attached. */
export interface RefusedEvent {
  /** `host:port` of the peer. */
  readonly address: string;
  readonly code: string;
  readonly message: string;
  /** How many of the same kind from the same host were not reported since the last that was. */
  readonly repeated: number;
}

/** The same reason from the same host is logged once in this time, so that a dialer in a loop does not fill the log. */
const QUIET_MS = 10_000;
const KINDS_MAX = 256;

export class RefusalFilter {
  readonly #kinds = new Map<string, { loggedAtMs: number; repeated: number }>();

  /** How many were not reported since the last report; null: do not report this one either. */
  note(host: string, code: string, nowMs: number): number | null {
    const key = `${code} ${host}`;
    const kind = this.#kinds.get(key);
    if (kind && nowMs - kind.loggedAtMs < QUIET_MS) {
      kind.repeated++;
      return null;
    }
    this.#kinds.delete(key);
    this.#kinds.set(key, { loggedAtMs: nowMs, repeated: 0 });
    if (this.#kinds.size > KINDS_MAX) this.#forgetOldest();
    return kind?.repeated ?? 0;
  }

  #forgetOldest(): void {
    for (const key of this.#kinds.keys()) {
      this.#kinds.delete(key);
      return;
    }
  }
}

/** The protocol that a peer's first bytes look like; '' when unknown. */
export function lookOf(opening: Buffer): string {
  const text = opening.toString('latin1');
  if (/^(GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS|CONNECT|PRI|TRACE)\b/.test(text)) return 'an HTTP request';
  if (opening[0] === 0x16 && opening[1] === 0x03) return 'a TLS handshake';
  if (text.startsWith('SSH-')) return 'an SSH client';
  return '';
}
