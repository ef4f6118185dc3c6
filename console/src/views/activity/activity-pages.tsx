import { useSession } from '../../api/session.js';
import { useHash } from '../../parts/use-hash.js';
import { ActivityView } from './activity-view.js';
import { StatementsView } from './statements-view.js';

const PAGES: readonly (readonly [hash: string, text: string])[] = [
  ['#/activity', 'Log and audit trail'],
  ['#/activity/statements', 'Statements'],
];

/** What happened, and what the server does now. Only administrators have more than one page here. */
export function ActivityPages() {
  const { role } = useSession();
  const hash = useHash();
  const isAdmin = role === 'admin';
  const showsStatements = isAdmin && hash === '#/activity/statements';
  return (
    <>
      {isAdmin && (
        <nav class="tabs" aria-label="Activity">
          {PAGES.map(([target, text]) => (
            <a
              key={target}
              href={target}
              aria-current={target.endsWith('statements') === showsStatements ? 'page' : undefined}
            >
              {text}
            </a>
          ))}
        </nav>
      )}
      {showsStatements ? <StatementsView /> : <ActivityView />}
    </>
  );
}
