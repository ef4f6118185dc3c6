import type { DefinitionsSql } from '../definitions-sql.js';
import {
  changedSince,
  convertToInnodb,
  definitionsOf,
  execute,
  madeSince,
  renameBack,
  requirePrimaryKeys,
  schemaLookOf,
  tableIdMax,
  unreadableTablesOf,
} from './schema-changes.js';
import { collationsOf, tableIdOf } from './schema-look.js';
import { copyStored } from './stored-definitions.js';

export const mariadbDefinitions: DefinitionsSql = {
  ...{ definitionsOf, unreadableTablesOf, schemaLookOf, collationsOf },
  ...{ tableIdOf, tableIdMax, madeSince, changedSince },
  ...{ copyStored, renameBack, convertToInnodb, requirePrimaryKeys, execute },
};
