import type { Flavour } from './flavour.js';
import { mariadb } from './mariadb/mariadb.js';

/** The flavour of every cluster so far. The only place that names one. */
export const flavour: Flavour = mariadb;
