import { useState } from 'preact/hooks';
import type { NewToken } from '../../../../client/src/index.js';
import { useSession } from '../../api/session.js';
import { Dialog } from '../../parts/dialog.js';
import { ProblemMessage } from '../../parts/message.js';
import { useAction } from '../../parts/use-action.js';
import type { Role } from '../../state/actions.js';
import { LIVES, orderOf, ROLES, type TokenInput } from '../../state/tokens.js';
import { Secret } from './secret.js';

const EMPTY: TokenInput = { name: '', role: 'read', lifeSeconds: null, limit: '' };

export function CreateDialog({ onClose }: { onClose(): void }) {
  const { api, onProblem } = useSession();
  const { busy, done, problem, run } = useAction<NewToken>(onProblem);
  const [input, setInput] = useState(EMPTY);
  const [wrong, setWrong] = useState<string | null>(null);
  if (done !== null)
    return (
      <Dialog title={`Token ${done.name}`} onClose={onClose}>
        <Secret text={done.token} onClose={onClose} />
      </Dialog>
    );
  const submit = () => {
    const order = orderOf(input, Date.now());
    setWrong('wrong' in order ? order.wrong : null);
    if (!('wrong' in order) && !busy) void run(() => api.access.createToken(order));
  };
  return (
    <Dialog title="New token" onClose={onClose}>
      <form
        id="token-form"
        class="stack"
        onSubmit={(event) => {
          event.preventDefault();
          submit();
        }}
      >
        <label>
          Name
          <input
            type="text"
            placeholder="What it is for"
            maxLength={100}
            autocomplete="off"
            spellcheck={false}
            value={input.name}
            onInput={(event) => setInput({ ...input, name: event.currentTarget.value })}
          />
        </label>
        <label>
          Role
          <select
            value={input.role}
            onChange={(event) => setInput({ ...input, role: event.currentTarget.value as Role })}
          >
            {ROLES.map(({ role, text }) => (
              <option key={role} value={role}>
                {text}
              </option>
            ))}
          </select>
        </label>
        <label>
          Expires
          <select
            value={String(input.lifeSeconds ?? '')}
            onChange={(event) => {
              const { value } = event.currentTarget;
              setInput({ ...input, lifeSeconds: value === '' ? null : Number(value) });
            }}
          >
            {LIVES.map(({ seconds, text }) => (
              <option key={text} value={String(seconds ?? '')}>
                {text}
              </option>
            ))}
          </select>
        </label>
        <label>
          Limit <span class="hint">(requests per second on each node)</span>
          <input
            type="text"
            inputMode="numeric"
            placeholder="no limit"
            autocomplete="off"
            value={input.limit}
            onInput={(event) => setInput({ ...input, limit: event.currentTarget.value })}
          />
        </label>
        <p class="wrong" role="alert">
          {wrong}
        </p>
        {problem !== null && <ProblemMessage problem={problem} />}
        <div class="buttons">
          <button type="button" class="quiet" onClick={onClose}>
            Cancel
          </button>
          <button type="submit" disabled={busy}>
            {busy ? 'Waiting for the answer ...' : 'Create the token'}
          </button>
        </div>
      </form>
    </Dialog>
  );
}
