/** Reads JSON with all digits of its numbers, where the browser can. Pure. */

interface Context {
  readonly source?: string;
}

/** Not in TypeScript's library yet. */
const { rawJSON } = JSON as typeof JSON & { rawJSON?: (text: string) => unknown };

/** Only such a text may have a number that JavaScript would change; looking at each value of the others takes time. */
const MAY_CHANGE = /\d{16}|\d[eE]/;

/** Numbers inside of JSON columns may be larger than JavaScript's; newer browsers let us keep their digits. */
export function parseExactly(text: string): unknown {
  if (!MAY_CHANGE.test(text)) return JSON.parse(text);
  return JSON.parse(text, exactNumber as (key: string, value: unknown) => unknown);
}

function exactNumber(_key: string, value: unknown, context?: Context): unknown {
  if (typeof value !== 'number' || Number.isSafeInteger(value) || !Number.isInteger(value)) return value;
  return context?.source && rawJSON ? rawJSON(context.source) : value;
}
