/**
 * A token of an access that stands in a text, whole or cut. A reader of logs may have fewer rights than the token gives.
 * A client puts it by mistake into a path, a query or a statement. 24 of its 43 characters are enough to know one, and what
 * a shorter rest leaves open (19 characters, 114 bits) nobody guesses. Names such as `skein_write` are shorter.
 */
const TOKEN = /skein_[A-Za-z0-9_-]{24,}/g;

/** The one place for what logs and the audit trail hold; for a whole line, so that no field is forgotten. */
export function redactTokens(line: string): string {
  // Nearly no line has one, and looking for a fixed text costs next to nothing.
  return line.includes('skein_') ? line.replace(TOKEN, 'skein_(hidden)') : line;
}
