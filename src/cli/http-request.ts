/** One HTTP request, like `fetch`, but with a certificate authority of the caller's choice, which `fetch` does not take. */
import http from 'node:http';
import https from 'node:https';

export interface HttpRequest {
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly signal: AbortSignal;
  /** PEM; undefined = the authorities that every machine knows. */
  readonly ca?: string | undefined;
}

export interface HttpAnswer {
  readonly status: number;
  readonly ok: boolean;
  /** The body, as it arrives. */
  readonly bytes: AsyncIterable<Uint8Array>;
  text(): Promise<string>;
}

/** Rejects with the signal's reason once it is aborted, else with the error of the connection. */
export function httpRequest(
  url: string,
  { method, headers, body, signal, ca }: HttpRequest,
): Promise<HttpAnswer> {
  const { request } = url.startsWith('https:') ? https : http;
  return new Promise((resolve, reject) => {
    const outgoing = request(url, {
      method,
      headers: { ...headers, ...(body !== undefined && { 'content-length': Buffer.byteLength(body) }) },
      signal,
      ca,
    });
    outgoing.once('error', (error) => reject(signal.aborted ? signal.reason : error));
    outgoing.once('response', (response) => resolve(answerOf(response, signal)));
    outgoing.end(body);
  });
}

function answerOf(response: http.IncomingMessage, signal: AbortSignal): HttpAnswer {
  const status = response.statusCode ?? 0;
  const bytes = bytesOf(response, signal);
  return {
    status,
    ok: status >= 200 && status < 300,
    bytes,
    async text() {
      const chunks: Uint8Array[] = [];
      for await (const chunk of bytes) chunks.push(chunk);
      return Buffer.concat(chunks).toString();
    },
  };
}

async function* bytesOf(response: http.IncomingMessage, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  try {
    yield* response;
  } catch (error) {
    throw signal.aborted ? signal.reason : error;
  }
}
