/** Names in the address and in statements. Pure. */

export interface Place {
  readonly database: string;
  readonly table: string;
}

/** A name in backticks, whatever it holds: only a backtick could end it, and is doubled. */
export const quoted = (name: string): string => `\`${name.replaceAll('`', '``')}\``;

export const quotedPlace = ({ database, table }: Place): string => `${quoted(database)}.${quoted(table)}`;

export type Tab = 'rows' | 'structure';

/** Where one is in the view: nowhere yet, in a database, or at a table. */
export interface DataPlace {
  readonly database: string | null;
  readonly table: string | null;
  readonly tab: Tab;
}

/** `#/data/shop/orders/structure`; each name is percent-encoded. */
export function dataPlaceOf(hash: string): DataPlace {
  const [, , database, table, tab] = hash.split('/').map(decoded);
  return {
    database: database || null,
    table: (database && table) || null,
    tab: tab === 'structure' ? 'structure' : 'rows',
  };
}

export function dataHash(database?: string, table?: string, tab?: Tab): string {
  const parts = [database, table, tab === 'structure' ? tab : undefined];
  return `#/data${parts.map((part) => (part === undefined ? '' : `/${encodeURIComponent(part)}`)).join('')}`;
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    // Somebody has typed an address; what it says is taken as it is.
    return part;
  }
}
