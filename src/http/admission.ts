/** Which connections a node keeps when there are too many, and which it may close. Pure. */

export interface ConnectionFacts {
  readonly address: string;
  /** The connection has carried a request with a valid token. */
  readonly known: boolean;
  /** Requests that are not answered yet. */
  readonly requests: number;
  /** When the connection was opened, or its last request was answered; milliseconds of one clock. */
  readonly quietSinceMs: number;
}

export interface ConnectionLimits {
  readonly connectionsMax: number;
  readonly connectionsPerAddressMax: number;
}

export type Admission<C> =
  | { readonly admit: true /** Makes room. */; readonly drop: C | null }
  | {
      readonly admit: false /** The name of the limit. */;
      readonly limit: 'httpConnectionsMax' | 'httpConnectionsPerAddressMax';
    };

/**
 * Admits a new connection when there is room, or when a connection without a valid token can be dropped for it: the one that
 * has been quiet for longest. A connection with a token, or with a request in progress, is never dropped for a new one.
 */
export function admit<C extends ConnectionFacts>(
  address: string,
  open: Iterable<C>,
  limits: ConnectionLimits,
): Admission<C> {
  let all = 0;
  let same = 0;
  let oldest: C | null = null;
  let oldestOfSame: C | null = null;
  for (const connection of open) {
    all++;
    const isSame = connection.address === address;
    if (isSame) same++;
    if (connection.known || connection.requests > 0) continue;
    if (oldest === null || connection.quietSinceMs < oldest.quietSinceMs) oldest = connection;
    if (isSame && (oldestOfSame === null || connection.quietSinceMs < oldestOfSame.quietSinceMs)) {
      oldestOfSame = connection;
    }
  }
  if (same >= limits.connectionsPerAddressMax) {
    return oldestOfSame
      ? { admit: true, drop: oldestOfSame }
      : { admit: false, limit: 'httpConnectionsPerAddressMax' };
  }
  if (all < limits.connectionsMax) return { admit: true, drop: null };
  return oldest ? { admit: true, drop: oldest } : { admit: false, limit: 'httpConnectionsMax' };
}

export interface ConnectionRest {
  /** When one of its sides was closed; null while both are open. */
  readonly halfClosedSinceMs: number | null;
  readonly requests: number;
  /** Bytes that the client has not taken yet. */
  readonly unsentBytes: number;
}

/** Whether a connection is of no more use, although its other side keeps it open. */
export function isOver(connection: ConnectionRest, nowMs: number, halfClosedMs: number): boolean {
  const { halfClosedSinceMs, requests, unsentBytes } = connection;
  if (halfClosedSinceMs === null || requests > 0 || unsentBytes > 0) return false;
  return nowMs - halfClosedSinceMs >= halfClosedMs;
}
