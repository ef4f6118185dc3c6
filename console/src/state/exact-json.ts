interface Context {
  readonly source?: string;
}

/** Not in TypeScript's library yet. */
const { rawJSON } = JSON as typeof JSON & { rawJSON?: (text: string) => unknown };

/** Numbers inside of JSON columns may be larger than JavaScript's; newer browsers let us keep their digits. */
export function parseExactly(text: string): unknown {
  return JSON.parse(text, exactNumber as (key: string, value: unknown) => unknown);
}

function exactNumber(_key: string, value: unknown, context?: Context): unknown {
  if (typeof value !== 'number' || Number.isSafeInteger(value) || !Number.isInteger(value)) return value;
  return context?.source && rawJSON ? rawJSON(context.source) : value;
}
