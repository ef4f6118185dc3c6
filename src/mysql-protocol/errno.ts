/** Numbers of errors that servers of every kind share. What they do not share is in flavour/server-errors.ts. */
export const ERRNO = {
  tooManyConnections: 1040,
  accessDenied: 1045,
  noSuchDatabase: 1049,
  tableExists: 1050,
  shutdown: 1053,
  noSuchThread: 1094,
  killDenied: 1095,
  tableDenied: 1142,
  columnDenied: 1143,
  noSuchTable: 1146,
  deadlock: 1213,
  fatalDump: 1236,
  /** An option of the server forbids the statement; the message names the option. */
  forbiddenByOption: 1290,
  noSuchSavepoint: 1305,
  /** Any other statement while an XA branch is active, idle or prepared. */
  wrongXaState: 1399,
  readOnlyTransaction: 1792,
} as const;

/** The server's number of an error; null when the error is not one of the server's. */
export function errnoOf(error: unknown): number | null {
  const { errno } = error as { errno?: unknown };
  return typeof errno === 'number' && errno > 0 ? errno : null;
}
