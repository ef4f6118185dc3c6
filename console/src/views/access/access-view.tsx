import { useMemo, useState } from 'preact/hooks';
import type { Token } from '../../../../client/src/index.js';
import { useSession } from '../../api/session.js';
import { useAnswer } from '../../api/use-answer.js';
import { useOwnToken } from '../../api/use-own-token.js';
import { Message, ProblemMessage } from '../../parts/message.js';
import { ViewTitle } from '../../parts/view-title.js';
import { accessNotice } from '../../state/tokens.js';
import { CreateDialog } from './create-dialog.js';
import { RevokeDialog } from './revoke-dialog.js';
import { RotateDialog } from './rotate-dialog.js';
import { TokenTable } from './token-table.js';

/** Last uses change all the time; a change by somebody else should be seen. */
const EVERY_MS = 5000;

type Asked = { readonly kind: 'create' } | { readonly kind: 'rotate' | 'revoke'; readonly token: Token };

export function AccessView() {
  const { api, self, role, cluster, onProblem } = useSession();
  const isAdmin = role === 'admin';
  const ask = useMemo(
    () => (isAdmin && self !== '' ? (signal: AbortSignal) => api.access.tokens(signal) : null),
    [api, isAdmin, self],
  );
  const { value, problem, busy, refresh } = useAnswer(ask, { everyMs: EVERY_MS, onProblem });
  const own = useOwnToken(api, onProblem)?.id ?? null;
  const [asked, setAsked] = useState<Asked | null>(null);
  const close = () => {
    setAsked(null);
    refresh();
  };
  const notice = cluster.look && accessNotice(cluster.look.status, self);
  const mayChange = cluster.look !== null && notice === null;
  return (
    <section id="access" class="panel" aria-labelledby="access-title">
      <div class="head">
        <ViewTitle id="access-title">Tokens</ViewTitle>
        {isAdmin && mayChange && (
          <button type="button" onClick={() => setAsked({ kind: 'create' })}>
            New token ...
          </button>
        )}
      </div>
      {role !== null && !isAdmin && (
        <Message kind="note">Tokens are shown to administrators; yours has the role {role}.</Message>
      )}
      {isAdmin && notice !== null && (
        <Message id="access-notice" kind="note">
          {notice.text} {notice.link !== null && <a href={`${notice.link}/#/access`}>Open its page</a>}
        </Message>
      )}
      {problem !== null && <ProblemMessage id="access-error" problem={problem} />}
      {isAdmin && value === null && busy && <p class="hint space">Loading ...</p>}
      {value !== null && (
        <TokenTable
          tokens={value.tokens}
          own={own}
          self={self}
          onRotate={mayChange ? (token) => setAsked({ kind: 'rotate', token }) : null}
          onRevoke={mayChange ? (token) => setAsked({ kind: 'revoke', token }) : null}
        />
      )}
      {asked?.kind === 'create' && <CreateDialog onClose={close} />}
      {asked?.kind === 'rotate' && (
        <RotateDialog token={asked.token} isOwn={asked.token.id === own} onClose={close} />
      )}
      {asked?.kind === 'revoke' && (
        <RevokeDialog token={asked.token} isOwn={asked.token.id === own} onClose={close} />
      )}
    </section>
  );
}
