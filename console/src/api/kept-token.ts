import { tokenOf } from '../state/routes.js';

/** The token lives in this tab only, and is forgotten with it. */
const KEY = 'skein-token';

export const keptToken = {
  get: (): string | null => sessionStorage.getItem(KEY),
  set: (token: string): void => sessionStorage.setItem(KEY, token),
  clear: (): void => sessionStorage.removeItem(KEY),
};

/** Takes over the token of a link, and removes it from the address and from the tab's history at once. */
export function takeTokenOfAddress(): void {
  const token = tokenOf(location.hash);
  if (token === null) return;
  keptToken.set(token);
  history.replaceState(null, '', location.pathname);
}
