/**
 * An access token in a text, whole or cut. A client may put one into a path, a query or a statement by mistake, and a reader of
 * logs may have fewer rights than the token. A piece of 24 of the 43 characters is redacted. A shorter piece leaves 19
 * characters (114 bits) unknown, which cannot be guessed. Names such as `skein_write` are shorter.
 */
const TOKEN = /skein_[A-Za-z0-9_-]{24,}/g;

/** Used for every line of the logs and the audit trail; it takes a whole line, so that no field is forgotten. */
export function redactTokens(line: string): string {
  // Few lines have one, and searching for a fixed text is cheap.
  return line.includes('skein_') ? line.replace(TOKEN, 'skein_(hidden)') : line;
}
