import type { ComponentType } from 'preact';
import { useCallback, useEffect, useMemo } from 'preact/hooks';
import type { NodeApi } from '../../api/node-api.js';
import { type Session, SessionProvider } from '../../api/session.js';
import { useCluster } from '../../api/use-cluster.js';
import { useOwnToken } from '../../api/use-own-token.js';
import { type Later, later } from '../../parts/later.js';
import { useHash } from '../../parts/use-hash.js';
import type { Problem } from '../../state/problem.js';
import { type ViewName, viewOf } from '../../state/routes.js';
import { ClusterView } from '../cluster/cluster-view.js';
import { Banner } from './banner.js';
import { Top } from './top.js';

const VIEWS: Readonly<Record<ViewName, ComponentType | Later>> = {
  cluster: ClusterView,
  sql: later(() => import('../sql/sql-view.js').then(({ SqlView }) => SqlView)),
  data: later(() => import('../data/data-pages.js').then(({ DataPages }) => DataPages)),
  activity: later(() => import('../activity/activity-pages.js').then(({ ActivityPages }) => ActivityPages)),
  access: later(() => import('../access/access-view.js').then(({ AccessView }) => AccessView)),
};

interface SignedInProps {
  readonly api: NodeApi;
  /** The node that served the page; '' = not known yet. */
  readonly own: string;
  /** The token counts no longer. */
  onLost(): void;
  onSignOut(): void;
}

export function SignedIn({ api, own, onLost, onSignOut }: SignedInProps) {
  const onProblem = useCallback(
    (problem: Problem) => {
      if (problem.status === 401) onLost();
    },
    [onLost],
  );
  const cluster = useCluster(api, onProblem);
  const self = cluster.look?.via ?? own;
  const token = useOwnToken(api, onProblem);
  const role = token?.role ?? null;
  const session = useMemo<Session>(
    () => ({ api, self, own, role, cluster, onProblem }),
    [api, self, own, role, cluster, onProblem],
  );
  const isThere = cluster.look !== null;
  useEffect(() => {
    // The first view is there. The others must be there before the node goes away, because only it can send them.
    if (isThere) for (const view of Object.values(VIEWS)) if ('preload' in view) view.preload();
  }, [isThere]);
  const name = viewOf(useHash());
  const View = VIEWS[name];
  const isOld = cluster.problem !== null;
  return (
    <SessionProvider value={session}>
      <Top view={name} token={token} onSignOut={onSignOut} />
      <Banner />
      <main class={isOld ? 'stale' : ''}>
        <View key={name} />
      </main>
    </SessionProvider>
  );
}
