import { createHash } from 'node:crypto';

/**
 * What a server has beside rows: each object's name (`table` and its name as SQL writes it) with its definition as text.
 * Servers that executed the same history have the same texts.
 */
export type Definitions = ReadonlyMap<string, string>;

/** Object -> what its text comes down to: enough to tell which differ, and small enough to be sent for all of them. */
export type DefinitionDigests = Readonly<Record<string, string>>;

export function digestsOf(definitions: Definitions): DefinitionDigests {
  return Object.fromEntries(
    [...definitions].map(([object, text]) => [
      object,
      createHash('sha256').update(text).digest('base64url').slice(0, 16),
    ]),
  );
}

/** Objects that one has and the other has not, or not so; in order. */
export function differingObjects(a: DefinitionDigests, b: DefinitionDigests): string[] {
  return [...new Set([...Object.keys(a), ...Object.keys(b)])]
    .filter((object) => a[object] !== b[object])
    .sort();
}
