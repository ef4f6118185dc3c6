import { createContext } from 'preact';
import { useContext } from 'preact/hooks';
import type { Role } from '../state/actions.js';
import type { Problem } from '../state/problem.js';
import type { NodeApi } from './node-api.js';
import type { Cluster } from './use-cluster.js';

/** What every view may know. */
export interface Session {
  readonly api: NodeApi;
  /** The node that answers: the one that served the page, or another one while that is away. '': not known yet. */
  readonly self: string;
  /** The node that served the page. */
  readonly own: string;
  /** Null: not known yet; nothing that needs a role is offered then. */
  readonly role: Role | null;
  readonly cluster: Cluster;
  /** A problem that may concern the session: a token that no longer counts ends it. */
  onProblem(problem: Problem): void;
}

const Context = createContext<Session | null>(null);
export const SessionProvider = Context.Provider;

export function useSession(): Session {
  const session = useContext(Context);
  if (session === null) throw new Error('A view is drawn only with a session.');
  return session;
}
