/**
 * Limits of HTTP on one node, so that no client can take what replication needs. Names and defaults are in docs/limits.md.
 */

const KIB = 1024;
const MIB = 1024 * KIB;

/** Limits that an operator may set; in node.json their names begin with `http` (config/http-settings.ts). */
export interface HttpLimits {
  readonly connectionsMax: number;
  readonly connectionsPerAddressMax: number;
  readonly bodyBytesMax: number;
  readonly readBodyBytesMax: number;
  readonly bodiesBytesMax: number;
  readonly answerBytesMax: number;
  readonly answersBytesMax: number;
}

export const HTTP_LIMITS: HttpLimits = {
  // Ten application processes with a pool of 40 each, and some for users; each costs one descriptor.
  connectionsMax: 500,
  // A reverse proxy is one address, so this is half of all and not a handful.
  connectionsPerAddressMax: 250,
  // A row of a MEDIUMBLOB of 6 MiB as base64. Reading and parsing it holds the event loop for about 30 ms.
  bodyBytesMax: 8 * MIB,
  // 20,000 parameters of an IN (...) list.
  readBodyBytesMax: MIB,
  // While it is parsed, a body takes about four times its size: 128 MiB at worst.
  bodiesBytesMax: 32 * MIB,
  // Putting its rows together holds the event loop for about 30 ms; more belongs in a stream.
  answerBytesMax: 16 * MIB,
  answersBytesMax: 64 * MIB,
};

/** Limits that are constants of this version. */
export const HTTP_CONSTANTS = {
  /** A JSON document of MySQL may have 100 levels; the request around it has four. */
  jsonDepthMax: 104,
  /** Values in one body: 10,000 statements of 10 parameters, and some. Parsing and binding them takes about 20 ms. */
  jsonValuesMax: 150_000,
  /**
   * Names of fields in one body: two for each of 10,000 statements. Each different one costs more than a value: about
   * 30 ms.
   */
  jsonKeysMax: 25_000,
  /** Bodies of endpoints that take only a few short fields. */
  smallBodyBytesMax: 64 * KIB,
  /** Deadline for a client's whole request. */
  requestTimeoutMs: 60_000,
  /** Deadline for the headers of a request. */
  headersTimeoutMs: 10_000,
  /** Requests that wait for an open primary at a time. Each holds its connection and its body, which are limited too. */
  heldRequestsMax: 500,
  /** Between two requests. Longer than clients keep idle connections by themselves, so that these close first. */
  keepAliveMs: 72_000,
  /** A client that reads nothing of its answer for this long is cut. */
  stalledAnswerMs: 45_000,
  /** Time after which a half-closed connection without an answer in progress is closed. */
  halfClosedMs: 1_000,
} as const;
