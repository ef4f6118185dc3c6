import type { EventLog } from '../events/event-log.js';
import type { MariadbControl } from '../mysql-control/control.js';

/**
 * Restores Skein's accounts on the server. A client can change the password of the account that it uses: see
 * flavour/mariadb/account-logins.ts.
 */
export async function repairLogins(
  { node }: { node: string },
  { control, events }: { control: Pick<MariadbControl, 'repairLogins'>; events: EventLog },
): Promise<void> {
  const accounts = await control.repairLogins();
  if (accounts.length === 0) return;
  const reason = `Somebody changed how ${accounts.join(', ')} log${accounts.length === 1 ? 's' : ''} in to this server. The node has restored it.`;
  events.add('accounts.repaired', node, reason, { accounts });
}
