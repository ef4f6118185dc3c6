export type ServerErrorName = `ER_${string}` | `WARN_${string}`;

/**
 * What an error means for a client's request. `forbidden`: all forms of "access denied". `conflict`: with another transaction;
 * the same request may well succeed when it is sent again. `damaged`: a table of this server, which others may have whole.
 */
export type ErrorKind = 'forbidden' | 'duplicate' | 'conflict' | 'interrupted' | 'damaged' | 'unavailable';

/** The numbers of a server's errors. Those that servers of every kind share are in mysql-protocol/errno.ts. */
export interface ServerErrors {
  /** The server's own name; `ER_<errno>` for one that is not known. */
  nameOf(errno: number): ServerErrorName;
  /** Null: none of these, so the statement is at fault. */
  kindOf(errno: number): ErrorKind | null;
  /** Another transaction has the lock, and the statement does not wait, or waits no longer. */
  isLockWait(errno: number): boolean;
  /**
   * Whether a replica's server that stopped at a transaction stops there again: an object that it needs is missing, or one that
   * it creates already exists. The log is the cluster's history, so the server's data differs from it, or its files are damaged.
   * Other errors (locks, a full disk, memory, a lost connection) may be over at the next attempt.
   */
  isLasting(errno: number): boolean;
}
