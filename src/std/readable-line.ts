import { terminalLine, terminalText } from './terminal-text.js';

/** Turns one JSON log line into one that a person reads on a terminal: time, level, node and part, message, data. */
export function readableLine(json: string, options: { colour: boolean }): string {
  let line: Record<string, unknown>;
  try {
    line = JSON.parse(json) as Record<string, unknown>;
  } catch {
    return terminalText(json);
  }
  const { time, level, node, part, msg, ...data } = line;
  const paint = options.colour ? PAINT : PLAIN;
  const name = String(level ?? 'info');
  const clock = typeof time === 'string' ? time.slice(11, 23) : '';
  const where = [node, part].filter((word) => word !== undefined).join(' ');
  const parts = [
    paint.dim(terminalLine(clock)),
    (LEVELS[name] ?? 'dim') === 'dim'
      ? paint.dim(name.padEnd(5))
      : paint[LEVELS[name] ?? 'dim'](name.padEnd(5)),
    where === '' ? '' : paint.bold(`[${terminalLine(where)}]`),
    terminalLine(String(msg ?? '')),
    ...Object.entries(data).map(
      ([key, value]) => paint.dim(`${terminalLine(key)}=`) + terminalText(valueText(value)),
    ),
  ];
  return `${parts.filter((word) => word !== '').join(' ')}\n`;
}

type Style = 'dim' | 'bold' | 'yellow' | 'red' | 'green';

const LEVELS: Readonly<Record<string, Style>> = { debug: 'dim', info: 'green', warn: 'yellow', error: 'red' };

const sgr = (open: number, close: number) => (text: string) => `\u001b[${open}m${text}\u001b[${close}m`;
const PAINT: Readonly<Record<Style, (text: string) => string>> = {
  dim: sgr(2, 22),
  bold: sgr(1, 22),
  red: sgr(31, 39),
  green: sgr(32, 39),
  yellow: sgr(33, 39),
};
const same = (text: string) => text;
const PLAIN: typeof PAINT = { dim: same, bold: same, red: same, green: same, yellow: same };

function valueText(value: unknown): string {
  if (typeof value === 'string') return /^[^\s"=]+$/.test(value) ? value : JSON.stringify(value);
  if (value !== null && typeof value === 'object' && 'message' in value && 'stack' in value) {
    return String((value as { stack: unknown }).stack);
  }
  return JSON.stringify(value) ?? 'undefined';
}
