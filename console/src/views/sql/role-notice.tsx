import { useSession } from '../../api/session.js';
import { Message } from '../../parts/message.js';
import { sqlNotice } from '../../state/actions.js';
import { httpLink } from '../../state/members.js';

/** Says of a replica that only reads work there, and where writes do. */
export function RoleNotice({ node }: { node: string }) {
  const { cluster } = useSession();
  const notice = cluster.look && sqlNotice(cluster.look.status, node);
  if (!notice) return null;
  const link = httpLink(notice.primary?.http);
  return (
    <Message id="sql-role" kind="note">
      {notice.text} {link !== null && <a href={link}>Write on {notice.primary?.name}</a>}
    </Message>
  );
}
