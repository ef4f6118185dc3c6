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
  // No stable release of Debian has MySQL. This suite moves: what it has must be of the series.
  { name: 'mysql-9.7', flavour: 'mysql', series: '9.7', suite: 'sid' },
];

/** Other names of series. */
const SHORT_NAMES: Readonly<Record<string, string>> = { mysql: 'mysql-9.7' };

/** Every name that is no path. */
export const SERVER_NAMES: readonly string[] = [
  'obtain',
  ...Object.keys(SHORT_NAMES),
  ...SERVER_SERIES.map(({ name }) => name),
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
  const wanted = Object.hasOwn(SHORT_NAMES, text) ? SHORT_NAMES[text] : text;
  const series = SERVER_SERIES.find(({ name }) => name === wanted);
  return series === undefined ? null : { kind: 'series', series };
}

/** Whether a server is of the series; its version as it says it. */
export function isOfSeries(
  server: { readonly flavour: string; readonly version: string },
  { flavour, series }: Pick<ServerSeries, 'flavour' | 'series'>,
): boolean {
  return server.flavour === flavour && server.version.startsWith(`${series}.`);
}
