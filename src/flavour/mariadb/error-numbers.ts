import type { ErrorKind, ServerErrors } from '../server-errors.js';
import { errorName } from './error-names.js';

const LOCK_WAIT_TIMEOUT = 1205;

const KINDS: Readonly<Record<ErrorKind, readonly number[]>> = {
  forbidden: [1044, 1045, 1095, 1131, 1132, 1142, 1143, 1211, 1227, 1370, 1410, 1419, 1449, 1698, 3159],
  duplicate: [1022, 1062, 1169, 1586, 1761, 1762],
  conflict: [1020, LOCK_WAIT_TIMEOUT, 1213, 1637],
  interrupted: [1317, 1969, 3024],
  damaged: [1034, 1194, 1195, 1712, 1877],
  unavailable: [1040, 1053, 1129, 1152, 1158, 1159, 1160, 1161, 1203, 1226, 1927],
};

const kinds = new Map<number, ErrorKind>();
for (const [kind, errnos] of Object.entries(KINDS) as [ErrorKind, readonly number[]][])
  for (const errno of errnos) kinds.set(errno, kind);

/** See ServerErrors.isLasting. */
const LASTING: ReadonlySet<number> = new Set([
  // Databases, tables, columns, keys, partitions: already existing, or missing.
  ...[1007, 1008, 1049, 1050, 1051, 1054, 1060, 1061, 1068, 1072, 1091, 1146, 1507, 1517],
  // Rows: missing, already existing, or violating a foreign key.
  ...[1032, 1062, 1022, 1216, 1217, 1451, 1452],
  // Routines, triggers, views, events, loadable functions, servers.
  ...[1304, 1305, 1359, 1360, 1347, 1537, 1539, 1125, 1476, 1477],
  // Accounts, roles and grants.
  ...[1396, 1141, 1147, 1269, 1403, 1962],
  // XA branches.
  ...[1397, 1440],
  // The table has other columns than the rows in the log.
  ...[1532, 1535, 1677],
  // Files of the engine: missing, left over, damaged.
  ...[1016, 1017, 1030, 1033, 1034, 1194, 1195, 1712, 1812, 1813, 1877, 1932],
  // The server already has another transaction with this GTID (gtid_strict_mode).
  1950,
]);

export const mariadbErrors: ServerErrors = {
  nameOf: errorName,
  kindOf: (errno) => kinds.get(errno) ?? null,
  // With NOWAIT too.
  isLockWait: (errno) => errno === LOCK_WAIT_TIMEOUT,
  isLasting: (errno) => LASTING.has(errno),
};
