/** A value as JSON text. Throws where `JSON.stringify` would drop or change something silently. Pure. */

/** Maximum nesting of a MySQL JSON document; a deeper value is taken for a cycle. */
const DEPTH_MAX = 100;
const LONE_SURROGATE = /\p{Surrogate}/u;

export function isLoneSurrogateIn(text: string): boolean {
  return LONE_SURROGATE.test(text);
}

export function isPlain(value: object): boolean {
  const prototype = Object.getPrototypeOf(value);
  // Objects of another realm (a frame, a vm context) have an Object.prototype of their own.
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

/** bigint is written with all its digits, and Date as its ISO text; properties that are undefined are left out. */
export function jsonText(value: unknown): string | { readonly why: string } {
  try {
    return write(value, 0);
  } catch (error) {
    if (error instanceof NotJson) return { why: error.message };
    throw error;
  }
}

class NotJson extends Error {}

function write(value: unknown, depth: number): string {
  if (depth > DEPTH_MAX) throw new NotJson(`JSON of more than ${DEPTH_MAX} levels, or a circle`);
  switch (typeof value) {
    case 'boolean':
      return String(value);
    case 'bigint':
      return String(value);
    case 'number':
      if (!Number.isFinite(value)) throw new NotJson(`${value} in JSON`);
      return Object.is(value, -0) ? '-0' : String(value);
    case 'string':
      if (isLoneSurrogateIn(value)) throw new NotJson('half of a surrogate pair in JSON');
      return JSON.stringify(value);
    case 'object':
      return value === null ? 'null' : writeObject(value, depth);
    default:
      throw new NotJson(`a ${typeof value} in JSON`);
  }
}

function writeObject(value: object, depth: number): string {
  if ('toJSON' in value && typeof value.toJSON === 'function') return write(value.toJSON(), depth + 1);
  if (Array.isArray(value)) return `[${Array.from(value, (item) => write(item, depth + 1)).join(',')}]`;
  if (!isPlain(value)) {
    throw new NotJson(
      `a ${(value.constructor as { name?: string } | undefined)?.name ?? 'special object'} in JSON`,
    );
  }
  const members = Object.entries(value)
    .filter(([, member]) => member !== undefined)
    .map(([name, member]) => `${write(name, depth)}:${write(member, depth + 1)}`);
  return `{${members.join(',')}}`;
}
