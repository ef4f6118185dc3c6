import { describe, expect, it } from 'vitest';
import { terminalJson, terminalLine, terminalText } from './terminal-text.js';

/** Every character that a terminal obeys instead of showing it. */
const OBEYED = [
  ...Array.from({ length: 0x20 }, (_, code) => code),
  ...Array.from({ length: 0x21 }, (_, at) => 0x7f + at),
  ...[0x061c, 0x200b, 0x200e, 0x200f, 0x2028, 0x2029, 0x2060, 0xfeff, 0xfff9],
  ...[0x202a, 0x202b, 0x202c, 0x202d, 0x202e, 0x2066, 0x2067, 0x2068, 0x2069],
].map((code) => String.fromCharCode(code));

describe('a terminal gets', () => {
  it.each(OBEYED.map((letter) => [letter.charCodeAt(0).toString(16), letter]))('not U+%s', (_, letter) => {
    expect(terminalLine(`a${letter}b`)).toMatch(/^a\\(?:[nrte]|u[0-9a-f]{4})b$/);
    if (letter !== '\n' && letter !== '\t') expect(terminalText(`a${letter}b`)).not.toContain(letter);
    const json = terminalJson(JSON.stringify({ text: letter }));
    expect(json).not.toContain(letter);
    expect(JSON.parse(json)).toEqual({ text: letter });
  });

  it('an escape sequence as letters', () => {
    expect(terminalLine('\u001b[2J\u001b]0;title\u0007\u009b31m')).toBe('\\e[2J\\e]0;title\\u0007\\u009b31m');
  });

  it('line breaks only where lines are expected', () => {
    expect(terminalLine('one\r\n\ttwo')).toBe('one\\r\\n\\ttwo');
    expect(terminalText('one\n\ttwo\r')).toBe('one\n\ttwo\\r');
  });

  it('ordinary text as it is, of any script', () => {
    const text = 'Größe 日本語 עברית 👩‍👩‍👧 e\u0301 \\n "quoted"';
    for (const show of [terminalLine, terminalText, terminalJson]) expect(show(text)).toBe(text);
  });
});
