/** Which database server a node starts, as people name it: SKEIN_SERVER, `--server`, `server` in node.json. Pure. */

/** A series of servers that Skein can fetch. */
export interface ServerSeries {
  /** As people write it. */
  readonly name: string;
  readonly flavour: 'mariadb' | 'mysql';
  /** The first two numbers of its versions. */
  readonly series: string;
  /** The release of Debian whose packages have it. */
  readonly suite: string;
}

export const SERVER_SERIES: readonly ServerSeries[] = [
  { name: 'mariadb-10.11', flavour: 'mariadb', series: '10.11', suite: 'bookworm' },
  { name: 'mariadb-11.8', flavour: 'mariadb', series: '11.8', suite: 'trixie' },
];

export type ServerChoice =
  /** One of the machine, else a fetched one. */
  | { readonly kind: 'any' }
  /** A fetched one of the machine's own distribution, whatever the machine has installed. */
  | { readonly kind: 'obtain' }
  /** One of the machine if it is of this series, else a fetched one. */
  | { readonly kind: 'series'; readonly series: ServerSeries }
  | { readonly kind: 'program'; readonly path: string };

/** For messages. */
export const SERVER_CHOICES = `one of ${SERVER_SERIES.map(({ name }) => name).join(', ')}, obtain, or the path of a server program (with a /)`;

/** Null for what names no server. A path is what has a slash; '' leaves the choice to Skein. */
export function parseServerChoice(text: string): ServerChoice | null {
  if (text === '') return { kind: 'any' };
  if (text === 'obtain') return { kind: 'obtain' };
  if (text.includes('/')) return { kind: 'program', path: text };
  const series = SERVER_SERIES.find(({ name }) => name === text);
  return series === undefined ? null : { kind: 'series', series };
}

/** Whether a server with this version, as it says it, is of the series. */
export function isOfSeries(version: string, { series }: Pick<ServerSeries, 'series'>): boolean {
  return version.startsWith(`${series}.`);
}
