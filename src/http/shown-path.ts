/** A request's path without secrets, for log and audit trail: read tokens can read the log. Pure. */

/** A token, or the beginning of one, also written with escapes (`%73kein_`). */
const TOKEN = /(?:s|%73)(?:k|%6b)(?:e|%65)(?:i|%69)(?:n|%6e)(?:_|%5f)[\w%~.-]*/gi;
/** Long enough for the words that people mistype, too short for a secret. */
const STRANGE_SEGMENT_MAX = 24;
const PATH_MAX = 200;

/**
 * Without the query, which could hold anything. `known`: the path belongs to an endpoint, so its parts are names that the
 * API gives a meaning to. Of any other path, parts that are long or unusual are left out.
 */
export function shownPath(url: string, known: boolean): string {
  const path = (url.split('?', 1)[0] ?? '').slice(0, PATH_MAX);
  const named = path.replace(TOKEN, '***');
  if (known) return named;
  return named
    .split('/')
    .map((part) => (part.length <= STRANGE_SEGMENT_MAX && /^[\w.*-]*$/.test(part) ? part : '***'))
    .join('/');
}
