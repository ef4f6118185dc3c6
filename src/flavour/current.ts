import { SkeinError } from '../model/error.js';
import type { Flavour } from './flavour.js';
import { mariadb } from './mariadb/mariadb.js';

/** The flavour of every cluster so far. The only place that names one. */
export const flavour: Flavour = mariadb;

/** @throws SkeinError SERVER_UNSUPPORTED */
export function refuseOtherFlavour(server: {
  readonly flavour: Flavour['name'];
  readonly version: string;
  readonly command: string;
}): void {
  if (server.flavour === flavour.name) return;
  throw new SkeinError(
    'SERVER_UNSUPPORTED',
    `${server.command} is MySQL ${server.version}. Nodes cannot run MySQL yet: its log is understood, and its control, accounts and seeding are still missing. Leave SKEIN_SERVER unset, or name a MariaDB server.`,
  );
}
