/**
 * Session variables on which the node depends when it runs a client's statements. The server tells each change in its OK
 * packets (session_track_system_variables, see flavour/mariadb/server-args.ts), also one by a procedure or a function. Pure.
 */
import { changedVariables } from './replies.js';

interface Dependence {
  readonly allowed: RegExp;
  /** What the client can do instead. */
  readonly instead: string;
}

const TEXTS: Dependence = {
  // utf8mb4 itself, or one of its collations.
  allowed: /^utf8mb4(?:_|$)/,
  instead: 'HTTP carries all texts as utf8mb4: convert them with CONVERT(... USING ...).',
};

const DEPENDED_ON: Readonly<Record<string, Dependence>> = {
  character_set_client: TEXTS,
  character_set_connection: TEXTS,
  character_set_results: TEXTS,
  collation_connection: TEXTS,
  completion_type: {
    allowed: /^NO_CHAIN$/,
    instead:
      'The node has to know whether a COMMIT ended the transaction: write COMMIT AND CHAIN where you mean it.',
  },
};

/** Sets all of these variables back. */
export const RESTORE_SESSION = 'SET NAMES utf8mb4, completion_type = DEFAULT';

/** The text for the client when the OK packet tells a change that is not allowed; else null. */
export function refusedChange(ok: Buffer): string | null {
  for (const [name, value] of changedVariables(ok)) {
    const dependence = DEPENDED_ON[name];
    if (dependence && !dependence.allowed.test(value)) {
      return `The statement set ${name} to "${value}", which was set back. ${dependence.instead}`;
    }
  }
  return null;
}
