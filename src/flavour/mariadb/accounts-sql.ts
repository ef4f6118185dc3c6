import type { AccountsSql } from '../accounts.js';
import { changedLogins, LOGINS_QUERY } from './account-logins.js';
import { accountStatements, readOnlySessions, writerStatements } from './accounts.js';
import { planAccounts, readAccounts, sessionsQuery, wantedAccounts } from './user-accounts.js';

export const mariadbAccounts: AccountsSql = {
  readOnlySessions,
  ...{ accountStatements, writerStatements, loginsQuery: LOGINS_QUERY, changedLogins },
  ...{ wantedAccounts, planAccounts, readAccounts, sessionsQuery, load: 'FLUSH LOCAL PRIVILEGES' },
};
