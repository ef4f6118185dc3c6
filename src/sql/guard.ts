/**
 * Statements that no session may run, whatever the server's grants allow. The server decides what is a write; these
 * are the few statements that grants cannot take away (seen on MariaDB 10.11):
 *  - an account may always change its own password or default role, which every node's sessions log in with;
 *  - an account may always KILL its own sessions, and a killed commit is answered before its quorum (rule C1);
 *  - XA leaves a branch with its locks that belongs to no request, and keeps its session from being used again;
 *  - a compound statement (BEGIN NOT ATOMIC) could end the read-only transaction of a read token and go on.
 * A text is only ever refused because of this, never allowed because of it. Words are looked for everywhere, also
 * in comments and strings: refusing too much is safe, and only statements without a result come this far.
 */

import { ApiError } from '../api/api-error.js';
import { withoutLeadingComments } from '../mysql-protocol/sql-text.js';
import { findOwnStatement } from './own-statements.js';

/** Without a result set and with a read token: only what sets up the session. */
const READ_FIRST_WORD =
  /^(select|set|do|use|show|handler|values|with|\(|start\s+transaction|rollback|commit)(?![\w$])/i;
const READ_NEVER = /password|default\s+role|statement|\bglobal\b|\/\*!|\/\*M!/i;
const OWN_ACCOUNT =
  /^(?:\/\*M?!\d*\s*)?(?:kill\b|set\b[\s\S]*\b(?:password|default\s+role)\b|alter\s+user\b)/i;

const ROWS_ONLY = /^(?:select|insert|update|delete|replace)(?![\w$])/i;

/**
 * A statement of this kind never ends a transaction (the server lets no function or trigger commit). So after a
 * time-out in a transaction the client can be told that nothing took effect. False when in doubt.
 */
export function canNotCommit(sql: string): boolean {
  return ROWS_ONLY.test(withoutLeadingComments(sql));
}

const READ_ONLY_FORM = /^(?:select|with|show|describe|desc|explain|values|\()/i;

/**
 * Whether to let the server run it read-only first. If it does write (by a function, a sequence), the server refuses it
 * there, and it is run as a write.
 */
export function looksLikeRead(sql: string): boolean {
  return READ_ONLY_FORM.test(withoutLeadingComments(sql));
}

const ENDS_TRANSACTION =
  /^(?:\/\*M?!\d*\s*)?(?:alter|analyze|begin|commit|create|drop|flush|grant|lock|optimize|rename|repair|revoke|rollback|start|truncate|unlock|xa)(?![\w$])/i;

/** A statement that ends a transaction by itself, as far as its first word tells. What a CALL does is seen only later. */
export function endsTransaction(sql: string): boolean {
  return ENDS_TRANSACTION.test(withoutLeadingComments(sql));
}

/** @throws ApiError 403 */
export function guardWithoutResult(sql: string, role: 'read' | 'write' | 'admin', statement: number): void {
  const text = withoutLeadingComments(sql);
  if (role === 'read') {
    if (READ_FIRST_WORD.test(text) && !(READ_NEVER.test(text) && /^set/i.test(text))) return;
    throw new ApiError(403, 'FORBIDDEN', 'A read token cannot run this kind of statement.', { statement });
  }
  // Only the beginning decides: a row may well hold the word "password".
  const ownStatement = findOwnStatement(text);
  if (ownStatement === 'xa') {
    throw new ApiError(
      403,
      'FORBIDDEN',
      'XA transactions are not offered over HTTP: a branch would outlive its request. Use POST /v1/tx, or a MySQL port.',
      { statement },
    );
  }
  if (ownStatement === null && !OWN_ACCOUNT.test(text)) return;
  // SET @x = 'password' in a long statement is refused too; it can be bound as a parameter.
  throw new ApiError(
    403,
    'FORBIDDEN',
    'KILL, and changing the password or default role of the account that serves HTTP, are not offered here.',
    { statement },
  );
}
