import { mariadb } from '../../src/flavour/mariadb/mariadb.js';
import { ORIGIN } from '../../src/model/position.js';
import { epochEntry } from './chain-entry.js';

/** The GTID of a transaction in a history whose only epoch is this one. */
export function gtidIn(epoch: number, ordinal: number): string {
  return mariadb.gtidAt([epochEntry(epoch, ORIGIN)], ordinal);
}
