/**
 * Session variables that the node's own part of a client's session depends on. The server tells of a change in its OK packets
 * (session_track_system_variables, set in server-process/settings.ts), whatever made it: SET, a procedure, a function. Pure.
 */
import { changedVariables } from './replies.js';

interface Dependence {
  readonly allowed: RegExp;
  /** What the client can do instead. */
  readonly instead: string;
}

const TEXTS: Dependence = {
  // The character set, or a collation of it.
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
    instead: 'The node asks the session what became of a COMMIT: say COMMIT AND CHAIN, where it is meant.',
  },
};

/** Sets all of them back. */
export const RESTORE_SESSION = 'SET NAMES utf8mb4, completion_type = DEFAULT';

/** Why the session cannot be used as an OK packet says that it is now; null when it can. */
export function refusedChange(ok: Buffer): string | null {
  for (const [name, value] of changedVariables(ok)) {
    const dependence = DEPENDED_ON[name];
    if (dependence && !dependence.allowed.test(value)) {
      return `The statement set ${name} to "${value}", which was set back. ${dependence.instead}`;
    }
  }
  return null;
}
