import type { AccountsSql } from '../accounts.js';
import { changedLogins, LOGINS_QUERY } from './account-logins.js';
import { accountStatements, READ_ONLY_SESSIONS, writerStatements } from './accounts.js';
import { planAccounts, readAccounts, sessionsQuery, wantedAccounts } from './user-accounts.js';

export const mariadbAccounts: AccountsSql = {
  readOnlySessions: READ_ONLY_SESSIONS,
  ...{ accountStatements, writerStatements, loginsQuery: LOGINS_QUERY, changedLogins },
  ...{ wantedAccounts, planAccounts, readAccounts, sessionsQuery, load: 'FLUSH LOCAL PRIVILEGES' },
};
