import { useEffect, useRef, useState } from 'preact/hooks';
import { NodeApi } from '../../api/node-api.js';
import { Message } from '../../parts/message.js';
import { ThemeSwitch } from '../../parts/theme-switch.js';
import { useAction } from '../../parts/use-action.js';

interface SignInProps {
  readonly node: string | null;
  /** Why somebody has to sign in again. */
  readonly message: string | null;
  onToken(token: string): void;
}

const nobody = () => {};

export function SignIn({ node, message, onToken }: SignInProps) {
  const [given, setGiven] = useState('');
  const [tried, setTried] = useState(false);
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => field.current?.focus(), []);
  const { busy, problem, run } = useAction<void>(nobody);
  const text =
    problem !== null
      ? problem.status === 401
        ? 'The node does not know this token.'
        : problem.text
      : tried
        ? null
        : message;
  const submit = () => {
    const token = given.trim();
    setTried(true);
    void run(async () => {
      await new NodeApi(token).ownToken(new AbortController().signal);
      onToken(token);
    });
  };
  return (
    <div class="sign-in">
      <header class="brand">
        <img src="icon.svg" alt="" width="28" height="28" />
        <h1>Skein</h1>
        <span class="where">{node}</span>
        <ThemeSwitch />
      </header>
      <main id="sign-in" class="panel">
        <h2>Sign in</h2>
        <form
          onSubmit={(event) => {
            event.preventDefault();
            submit();
          }}
        >
          <label for="token">Token</label>
          <div class="row">
            <input
              id="token"
              ref={field}
              type="password"
              value={given}
              autocomplete="off"
              spellcheck={false}
              required
              aria-describedby="sign-in-error token-help"
              onInput={(event) => setGiven(event.currentTarget.value)}
            />
            <button type="submit" disabled={busy}>
              Sign in
            </button>
          </div>
          <div id="sign-in-error">{text !== null && <Message kind="bad">{text}</Message>}</div>
          <div id="token-help" class="hint">
            <p>
              A local cluster keeps its first token in <code>.skein/admin.token</code>. For another one:{' '}
              <code>npx skein token create --role read</code>
            </p>
            <p>The token stays in this tab and is forgotten when you close it.</p>
          </div>
        </form>
      </main>
    </div>
  );
}
