/** What a port has done since it was started; read by the status and by metrics. */
export interface PortCounters {
  /** Open connections, including those that still wait for their server. */
  open: number;
  /** Accepted connections, including refused ones. */
  total: number;
  /** Refused with an error packet: over the limit, or no server. */
  refused: number;
  /** Cut because the role changed, the server went down or the node stops. */
  cut: number;
  /** Open connections without a login, as far as known. */
  loginsOpen: number;
  /** Connections without a login that were closed: too late, or too many. */
  loginsDropped: number;
  /** KILLs that were judged. */
  kills: number;
  /** Of these, refused: the session that they name waits for its quorum. */
  killsRefused: number;
  /** From clients to the server. */
  bytesIn: number;
  /** From the server to clients. */
  bytesOut: number;
}

export function zeroCounters(): PortCounters {
  return {
    open: 0,
    total: 0,
    refused: 0,
    cut: 0,
    loginsOpen: 0,
    loginsDropped: 0,
    kills: 0,
    killsRefused: 0,
    bytesIn: 0,
    bytesOut: 0,
  };
}
