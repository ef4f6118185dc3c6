import { createHash } from 'node:crypto';

/**
 * Everything of a server except rows: each object's kind and name (as SQL writes it) with its definition as text.
 * Servers that executed the same history have the same texts.
 */
export type Definitions = ReadonlyMap<string, string>;

/** Object -> digest of its definition: enough to find those that differ, and small enough to send for all objects. */
export type DefinitionDigests = Readonly<Record<string, string>>;

export function digestsOf(definitions: Definitions): DefinitionDigests {
  return Object.fromEntries(
    [...definitions].map(([object, text]) => [
      object,
      createHash('sha256').update(text).digest('base64url').slice(0, 16),
    ]),
  );
}

/** The answer to a question: these objects in full; null = digests of all. */
export function definitionsOf(
  found: Definitions,
  objects: readonly string[] | null,
): Readonly<Record<string, string>> {
  if (objects === null) return digestsOf(found);
  return Object.fromEntries([...found].filter(([object]) => objects.includes(object)));
}

/** Objects that are missing on one side or differ, in order. */
export function differingObjects(a: DefinitionDigests, b: DefinitionDigests): string[] {
  return [...new Set([...Object.keys(a), ...Object.keys(b)])]
    .filter((object) => a[object] !== b[object])
    .sort();
}
