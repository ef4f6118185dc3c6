import { useCallback, useEffect, useMemo, useState } from 'preact/hooks';
import { keptToken, takeTokenOfAddress } from '../../api/kept-token.js';
import { NodeApi, nameOfNode } from '../../api/node-api.js';
import { useHash } from '../../parts/use-hash.js';
import { SignIn } from '../sign-in/sign-in.js';
import { SignedIn } from './signed-in.js';

const NO_LONGER = 'This token is not known to the node, or was revoked.';

/** Somebody is signed in, or not. */
export function App() {
  const [token, setToken] = useState(keptToken.get);
  const [message, setMessage] = useState<string | null>(null);
  const [name, setName] = useState<string | null>(null);
  const api = useMemo(() => (token === null ? null : new NodeApi(token)), [token]);
  useEffect(() => {
    void nameOfNode().then(setName);
  }, [api]);
  useEffect(() => {
    document.title = name === null ? 'Skein' : `${name} · Skein`;
  }, [name]);
  const hash = useHash();
  useEffect(() => {
    // A link with a token was opened in a tab that has the page already.
    takeTokenOfAddress();
    const kept = keptToken.get();
    if (kept !== null) setToken(kept);
  }, [hash]);
  const signOut = useCallback((why: string | null) => {
    keptToken.clear();
    setToken(null);
    setMessage(why);
  }, []);
  const onLost = useCallback(() => signOut(NO_LONGER), [signOut]);
  if (api === null) {
    const onToken = (given: string) => {
      keptToken.set(given);
      setMessage(null);
      setToken(given);
    };
    return <SignIn node={name} message={message} onToken={onToken} />;
  }
  return <SignedIn key={token} api={api} own={name ?? ''} onLost={onLost} onSignOut={() => signOut(null)} />;
}
