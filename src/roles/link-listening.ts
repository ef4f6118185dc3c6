import type { ElectionListener } from '../link/heard-voters.js';
import { LinkListener } from '../link/listener.js';
import { linkSettings } from './link-settings.js';
import type { RoleHost } from './role-host.js';
import type { NodeParts } from './role-node.js';

/** Every node listens for other nodes. Its role decides which of them may attach. */
export function linkListener(parts: NodeParts, host: RoleHost, election: ElectionListener): LinkListener {
  const { config, logger, events } = parts;
  const listener = new LinkListener(
    {
      ...config.link,
      ...linkSettings(parts),
    },
    {
      logger: logger.child({ part: 'link' }),
      welcome: (attach) => host.welcome(attach),
      attached: (session) => {
        events.add('link.up', session.node, `Attached from ${session.address}.`);
        session.onClosed.on((reason) => events.add('link.down', session.node, reason));
        host.attached(session);
      },
      election,
      seedRequested: (session) => parts.seedRequested(session),
      refused: ({ address, code, message, repeated }) =>
        events.add('link.refused', address, message, { code, repeated }),
      heartbeat: () => host.heartbeat(),
      status: () => host.clusterStatus(),
    },
  );
  host.onStatus.on(() => listener.announceStatus());
  return listener;
}
