import type { Token } from '../../../../client/src/index.js';
import { useSession } from '../../api/session.js';
import { ThemeSwitch } from '../../parts/theme-switch.js';
import { roleText } from '../../state/members.js';
import { TITLES, type ViewName, viewsOf } from '../../state/routes.js';
import { memberOf } from '../../state/status.js';

interface TopProps {
  readonly view: ViewName;
  readonly token: Token | null;
  onSignOut(): void;
}

export function Top({ view, token, onSignOut }: TopProps) {
  const { self, cluster } = useSession();
  const me = cluster.look && memberOf(cluster.look.status, self);
  return (
    <header class="top">
      <div class="brand">
        <img src="icon.svg" alt="" width="24" height="24" />
        <h1>Skein</h1>
        <span class="where">{self}</span>
        {me && <span class={`chip ${me.role === 'primary' ? 'lead' : ''}`}>{roleText(me)}</span>}
      </div>
      <nav aria-label="Views">
        {viewsOf(token?.role ?? null).map((name) => (
          <a key={name} href={`#/${name}`} aria-current={name === view ? 'page' : undefined}>
            {TITLES[name]}
          </a>
        ))}
      </nav>
      <div class="tools">
        {token && (
          <span class="who" title={`Signed in with the token ${token.name}, role ${token.role}`}>
            {token.role}
          </span>
        )}
        <ThemeSwitch />
        <button id="sign-out" type="button" class="quiet" onClick={onSignOut}>
          Sign out
        </button>
      </div>
    </header>
  );
}
