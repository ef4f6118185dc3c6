import { SkeinError } from '../model/error.js';
import { parseServerChoice } from '../model/server-choice.js';
import type { Flavour } from './flavour.js';
import { mariadb } from './mariadb/mariadb.js';

/** The flavour of every cluster so far. The only place that names one. */
export const flavour: Flavour = mariadb;

const MISSING =
  'Nodes cannot run MySQL yet: its log is understood, and its control, accounts and seeding are still missing. Leave SKEIN_SERVER unset, or name a MariaDB server.';

/** @throws SkeinError SERVER_UNSUPPORTED */
export function refuseOtherFlavour(server: {
  readonly flavour: Flavour['name'];
  readonly version: string;
  readonly command: string;
}): void {
  if (server.flavour === flavour.name) return;
  throw new SkeinError('SERVER_UNSUPPORTED', `${server.command} is MySQL ${server.version}. ${MISSING}`);
}

/** The same from what somebody has named, before a server is fetched. @throws SkeinError SERVER_UNSUPPORTED */
export function refuseOtherChoice(named: string | null | undefined): void {
  const choice = parseServerChoice(named ?? process.env.SKEIN_SERVER ?? '');
  if (choice?.kind !== 'series' || choice.series.flavour === flavour.name) return;
  throw new SkeinError('SERVER_UNSUPPORTED', `${choice.series.name} is asked for. ${MISSING}`);
}
