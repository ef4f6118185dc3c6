/** Removes secrets from log lines, in case a room logs one by mistake. Pure. */

const SECRETS: ReadonlySet<string> = new Set(['password', 'passwd', 'token', 'secret', 'authorization']);
const HIDDEN = '(hidden)';
/** Data of log lines is flat; deeper levels are not checked. */
const DEPTH_MAX = 3;

/**
 * The same data with each field of a secret's name hidden. Data without such a field, which is nearly every line, is not
 * copied, because a copy costs more than all other work for a line.
 */
export function hideSecrets<T>(data: T, depthMax = DEPTH_MAX): T {
  if (depthMax === 0 || !isPlain(data)) return data;
  let copy: Record<string, unknown> | null = null;
  for (const name in data) {
    const value = data[name];
    const shown = SECRETS.has(name) ? shownSecret(name, value) : hideSecrets(value, depthMax - 1);
    if (shown === value) continue;
    copy ??= { ...data };
    copy[name] = shown;
  }
  return (copy ?? data) as T;
}

/** Log lines name a token by its id, which may be shown; the token itself, which is longer, must not be. */
function shownSecret(name: string, value: unknown): unknown {
  if (name === 'token' && (value === null || (typeof value === 'string' && value.startsWith('tok_'))))
    return value;
  return value === undefined ? undefined : HIDDEN;
}

function isPlain(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}
