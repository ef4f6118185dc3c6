import type { ServerSql } from '../flavour/server-sql.js';
import type { Connection } from '../mysql-client/connection.js';
import type { KeptStatements } from './kept-statements.js';
import type { KnownStatements } from './known-statements.js';

/** A session on the local server, which one request has at a time. */
export interface Session {
  readonly connection: Connection;
  /** What is said to its server. */
  readonly sql: ServerSql;
  readonly generation: string;
  /** The default database, null = none. */
  database: string | null;
  /** Id of the token whose request has it, and whose share it counts in. */
  tokenId: string;
  /** A read-only transaction has begun and has read nothing yet. The next request uses it. */
  begun: boolean;
  /** The statements that sessions of this pool have prepared on this server. */
  readonly known: KnownStatements;
  /** Not empty: it has run plain reads since its last reset. */
  readonly kept: KeptStatements;
}
