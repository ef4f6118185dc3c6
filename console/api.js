// Talks to the node that served this page. The token lives in this tab only.

const TOKEN_KEY = 'skein-token';

export const token = {
  get: () => sessionStorage.getItem(TOKEN_KEY),
  set: (text) => sessionStorage.setItem(TOKEN_KEY, text),
  clear: () => sessionStorage.removeItem(TOKEN_KEY),
};

/** An answer that is not a result: `code` and `message` of the node, or of the way to it. */
class ApiError extends Error {
  constructor(status, body, fallback) {
    super(body?.error?.message ?? fallback);
    this.status = status;
    this.code = body?.error?.code ?? null;
    this.primary = body?.error?.primary ?? null;
    this.applied = body?.error?.applied ?? null;
  }
}

async function call(path, options = {}) {
  let response;
  try {
    response = await fetch(path, {
      ...options,
      headers: { ...options.headers, authorization: `Bearer ${token.get() ?? ''}` },
    });
  } catch (error) {
    if (error.name === 'AbortError') throw error;
    throw new ApiError(
      0,
      null,
      'The node does not answer. It may be restarting; this page tries again by itself.',
    );
  }
  if (response.ok) return response;
  const body = await response.json().catch(() => null);
  throw new ApiError(response.status, body, `The node answered ${response.status}.`);
}

export async function getJson(path) {
  return (await call(path)).json();
}

export async function postJson(path, body) {
  const response = await call(path, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  return JSON.parse(await response.text(), exactNumber);
}

/** Numbers inside of JSON columns may be larger than JavaScript's; newer browsers let us keep their digits. */
function exactNumber(_key, value, context) {
  if (typeof value !== 'number' || Number.isSafeInteger(value) || !Number.isInteger(value)) return value;
  return context?.source && JSON.rawJSON ? JSON.rawJSON(context.source) : value;
}

/** The newest log lines, as the node wrote them. */
export async function getLog(tail) {
  const response = await call(`/v1/logs?tail=${tail}`);
  return (await response.text()).split('\n').filter(Boolean);
}

/**
 * Server-sent events over fetch: EventSource cannot send a token. Calls `onEvent({id, event, data})` for each one and
 * resolves when the stream ends; the caller begins again, with the last id that it has seen.
 */
export async function readEvents({ lastId, signal, onEvent, onOpen }) {
  const response = await call('/v1/events', {
    signal,
    headers: lastId === null ? {} : { 'last-event-id': lastId },
  });
  onOpen();
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const blocks = (rest + value).split('\n\n');
    rest = blocks.pop();
    for (const block of blocks) {
      const event = parseEvent(block);
      if (event) onEvent(event);
    }
  }
}

function parseEvent(block) {
  const fields = {};
  for (const line of block.split('\n')) {
    const match = /^(id|event|data): ?(.*)$/.exec(line);
    if (match) fields[match[1]] = match[2];
  }
  if (fields.data === undefined) return null;
  return { id: fields.id ?? null, event: fields.event ?? 'message', data: JSON.parse(fields.data) };
}
