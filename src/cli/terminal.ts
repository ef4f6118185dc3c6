import { terminalJson, terminalText } from '../std/terminal-text.js';
import type { Terminal } from './command.js';

/** Writes to a terminal. Escapes control characters in all text that is not our own. */
export function createTerminal(
  bare: { out(text: string): void; err(text: string): void },
  rest: Omit<Terminal, 'out' | 'err' | 'json' | 'control'>,
): Terminal {
  const decoder = new TextDecoder();
  return {
    ...rest,
    out: (text) => bare.out(terminalText(text)),
    err: (text) => bare.err(terminalText(text)),
    json: (text) => bare.out(rest.isTerminal ? terminalJson(text) : text),
    control: (sequence) => bare.out(sequence),
    async write(bytes) {
      if (!rest.isTerminal) return rest.write(bytes);
      bare.out(terminalText(decoder.decode(bytes, { stream: true })));
    },
  };
}
