import { readFile } from 'node:fs/promises';
import { adoptAdminToken, ensureSystemSchema } from '../auth/system-schema.js';
import type { NodeConfig } from '../config/node-config.js';
import { messageOf, SkeinError } from '../model/error.js';
import type { MariadbControl } from '../mysql-control/control.js';

/** Creates the system schema and the first admin token if they are missing. */
export async function prepareSystem(control: MariadbControl, config: NodeConfig): Promise<void> {
  const executor = {
    query: (sql: string, params?: readonly (string | number | null)[]) =>
      control.executeOnPrimary(sql, params ?? []),
  };
  await control.requirePrimaryKeys(config.requirePrimaryKey);
  await ensureSystemSchema(executor);
  if (config.adminTokenFile === null) return;
  let token: string;
  try {
    token = (await readFile(config.adminTokenFile, 'utf8')).trim();
  } catch (error) {
    throw new SkeinError(
      'ADMIN_TOKEN_UNREADABLE',
      `Cannot read ${config.adminTokenFile}: ${messageOf(error)}`,
      {
        cause: error,
      },
    );
  }
  await adoptAdminToken(executor, token);
}
