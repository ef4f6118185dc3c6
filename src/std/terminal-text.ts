/**
 * Makes foreign text harmless for a terminal; no other code does this. A value of a table, a client's path or a server's message
 * may hold escape sequences that colour, move, erase or rename, and characters that reverse the order of letters.
 */

/**
 * Control characters (U+0000 to U+001F, U+007F to U+009F); then what changes the direction of text, breaks a line, or is
 * invisible and no part of a letter.
 */
const CONTROLS =
  /[\p{Cc}\u061c\u200b\u200e\u200f\u2028\u2029\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]/gu;
const ALL_BUT_LAYOUT =
  /(?![\n\t])[\p{Cc}\u061c\u200b\u200e\u200f\u2028\u2029\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]/gu;
/** What JSON.stringify leaves as it is. */
const LEFT_BY_JSON =
  /[\u007f-\u009f\u061c\u200b\u200e\u200f\u2028\u2029\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]/gu;

const NAMES: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t', '\u001b': '\\e' };

function visible(character: string): string {
  return NAMES[character] ?? unicodeEscape(character);
}

function unicodeEscape(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

/** For text on one line: line breaks and tabs are shown as `\n` and `\t`, so that a value cannot fake further lines. */
export function terminalLine(text: string): string {
  return text.replace(CONTROLS, visible);
}

/** For text of several lines: line breaks and tabs stay. */
export function terminalText(text: string): string {
  return text.replace(ALL_BUT_LAYOUT, visible);
}

/** JSON with the same meaning. */
export function terminalJson(json: string): string {
  return json.replace(LEFT_BY_JSON, unicodeEscape);
}
