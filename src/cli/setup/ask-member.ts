/**
 * One step of the join exchange over HTTP. The connection is not trusted, with or without TLS: the exchange has its own
 * proofs.
 */
import http from 'node:http';
import https from 'node:https';
import type { Joiner, JoinRequest, JoinStep, SealedAnswer } from '../../joining/exchange.js';
import { messageOf, SkeinError } from '../../model/error.js';
import { terminalLine } from '../../std/terminal-text.js';

/** A change of members waits for its quorum. */
const ANSWER_MS = 60_000;
/** Far more than any answer has: certificates and addresses. */
const ANSWER_BYTES_MAX = 256 * 1024;
/** A replica names the primary, which may have changed meanwhile. */
const HOPS_MAX = 3;

export interface AskModules {
  readonly joiner: Joiner;
  readonly signal: AbortSignal;
}

/**
 * The answer, and the address of the node that answered.
 * @throws SkeinError NODE_UNREACHABLE, NOT_A_NODE, or the member's own code
 */
export async function askMember(
  address: string,
  step: JoinStep,
  details: object,
  { joiner, signal }: AskModules,
): Promise<{ answer: unknown; address: string }> {
  const request = joiner.request(step, details);
  let url = address;
  for (let hop = 1; ; hop++) {
    const { status, body } = await post(`${url}/v1/join`, request, signal);
    if (status === 200) return { answer: joiner.open(request, body as SealedAnswer), address: url };
    const error = (body as { error?: Refusal } | null)?.error;
    if (!error?.code) throw notANode(url, `it answered ${status}`);
    const isElsewhere = error.code === 'NOT_PRIMARY' || error.code === 'WITNESS';
    if (isElsewhere && error.primary && hop < HOPS_MAX) {
      url = error.primary.replace(/\/+$/, '');
      continue;
    }
    const message = terminalLine(error.message ?? `status ${status}`);
    throw new SkeinError(error.code, `${url} refused: ${error.code}: ${message}`, {
      data: { retryable: error.retryable === true, applied: error.applied ?? 'no' },
    });
  }
}

interface Refusal {
  readonly code?: string;
  readonly message?: string;
  readonly primary?: string | null;
  readonly retryable?: boolean;
  readonly applied?: string;
}

function post(
  url: string,
  body: JoinRequest,
  signal: AbortSignal,
): Promise<{ status: number; body: unknown }> {
  const text = JSON.stringify(body);
  const { request } = url.startsWith('https:') ? https : http;
  return new Promise((resolve, reject) => {
    const outgoing = request(url, {
      method: 'POST',
      agent: false,
      // The authority comes with the answer, so the certificate cannot be checked yet. Only a member that knows the join
      // token can make a valid answer, and the request does not contain the token.
      rejectUnauthorized: false,
      headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) },
      signal: AbortSignal.any([signal, AbortSignal.timeout(ANSWER_MS)]),
    });
    outgoing.once('error', (error) => reject(unreachable(url, error)));
    outgoing.once('response', (response) => {
      let answer = '';
      response.setEncoding('utf8');
      response.on('data', (more: string) => {
        answer += more;
        if (answer.length > ANSWER_BYTES_MAX) outgoing.destroy(new Error('its answer does not end'));
      });
      response.once('error', (error) => reject(unreachable(url, error)));
      response.once('end', () => {
        try {
          resolve({ status: response.statusCode ?? 0, body: JSON.parse(answer) as unknown });
        } catch {
          reject(notANode(url, `it answered ${response.statusCode} with something else than JSON`));
        }
      });
    });
    outgoing.end(text);
  });
}

function unreachable(url: string, error: Error): SkeinError {
  return new SkeinError(
    'NODE_UNREACHABLE',
    `No member answers at ${new URL(url).origin}: ${messageOf(error)}. Nothing was changed here. Is the address right, does the node run, and does a firewall let this machine through?`,
    { cause: error, data: { retryable: true, applied: 'unknown' } },
  );
}

function notANode(url: string, why: string): SkeinError {
  return new SkeinError('NOT_A_NODE', `${new URL(url).origin} is not a Skein node: ${why}.`);
}
