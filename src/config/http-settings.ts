/** The settings that limit the resources of HTTP; docs/limits.md says what each protects. */
import { Type } from '@sinclair/typebox';
import { HTTP_LIMITS, type HttpLimits } from './http-limits.js';

const MIB = 1024 ** 2;

const Count = (value: number, description: string) =>
  Type.Integer({
    minimum: 1,
    maximum: 100_000,
    default: value,
    description,
    expected: 'a whole number from 1 to 100000',
  });

const Bytes = (value: number, maximum: number, description: string) =>
  Type.Integer({
    minimum: 64 * 1024,
    maximum,
    default: value,
    description,
    expected: `bytes, a whole number from 65536 to ${maximum}`,
  });

export const HttpSettings = {
  httpConnectionsMax: Count(HTTP_LIMITS.connectionsMax, 'HTTP connections that the node takes at a time.'),
  httpConnectionsPerAddressMax: Count(
    HTTP_LIMITS.connectionsPerAddressMax,
    'HTTP connections from one address at a time.',
  ),
  // A statement of more than 64 MiB is refused by the server (max_allowed_packet), whatever is set here.
  httpBodyBytesMax: Bytes(
    HTTP_LIMITS.bodyBytesMax,
    64 * MIB,
    'The largest body of /v1/sql with a token of role write or admin.',
  ),
  httpReadBodyBytesMax: Bytes(
    HTTP_LIMITS.readBodyBytesMax,
    64 * MIB,
    'The largest body of /v1/sql with a token of role read.',
  ),
  httpBodiesBytesMax: Bytes(
    HTTP_LIMITS.bodiesBytesMax,
    4096 * MIB,
    'Bodies of all requests under way; one token may take half of it.',
  ),
  httpAnswerBytesMax: Bytes(
    HTTP_LIMITS.answerBytesMax,
    256 * MIB,
    'The largest answer that is put together in memory; a stream has no limit.',
  ),
  httpAnswersBytesMax: Bytes(
    HTTP_LIMITS.answersBytesMax,
    4096 * MIB,
    'All answers that are put together in memory; one token may take half of it.',
  ),
};

/** The same limits under the names of the HTTP server. */
export function httpLimits(config: Readonly<Record<keyof typeof HttpSettings, number>>): HttpLimits {
  return {
    connectionsMax: config.httpConnectionsMax,
    connectionsPerAddressMax: config.httpConnectionsPerAddressMax,
    bodyBytesMax: config.httpBodyBytesMax,
    readBodyBytesMax: config.httpReadBodyBytesMax,
    bodiesBytesMax: config.httpBodiesBytesMax,
    answerBytesMax: config.httpAnswerBytesMax,
    answersBytesMax: config.httpAnswersBytesMax,
  };
}

/** Limits that make no sense together. */
export function* httpLimitProblems(
  config: Readonly<Record<keyof typeof HttpSettings, number>>,
): Generator<string> {
  for (const [one, all] of [
    ['httpBodyBytesMax', 'httpBodiesBytesMax'],
    ['httpReadBodyBytesMax', 'httpBodiesBytesMax'],
    ['httpAnswerBytesMax', 'httpAnswersBytesMax'],
  ] as const) {
    if (2 * config[one] <= config[all]) continue;
    yield `"${one}" is ${config[one]}, more than half of "${all}" (${config[all]}), which is all that one token may take`;
  }
}
