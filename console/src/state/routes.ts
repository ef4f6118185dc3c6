/** The views, by what stands behind the # of the address. Pure. */

const VIEWS = ['cluster', 'sql', 'data', 'activity', 'access'] as const;
export type ViewName = (typeof VIEWS)[number];

export const TITLES: Readonly<Record<ViewName, string>> = {
  cluster: 'Cluster',
  sql: 'SQL',
  data: 'Data',
  activity: 'Activity',
  access: 'Access',
};

/** Views of which a role has nothing are not offered to it. Null: the role is not known yet. */
export const viewsOf = (role: 'read' | 'write' | 'admin' | null): readonly ViewName[] =>
  VIEWS.filter((view) => view !== 'access' || role === 'admin');

/** `#/sql` and `#/sql/anything` are the view sql; everything else is the first view. */
export function viewOf(hash: string): ViewName {
  const name = /^#\/(\w+)/.exec(hash)?.[1];
  return VIEWS.find((view) => view === name) ?? 'cluster';
}

/** The token that a link carries (`#token=...`), which no browser sends to a server. Null: the address has none. */
export function tokenOf(hash: string): string | null {
  const token = /^#token=([^&]+)/.exec(hash)?.[1];
  return token === undefined ? null : decodeURIComponent(token);
}
