/** How numbers and times are written. Pure. */

/** `3 ms`, `1.2 s`, `4 min`, `2 h`, `3 d` */
export function duration(ms: number): string {
  if (ms < 1000) return `${Math.max(0, Math.round(ms))} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(ms < 10_000 ? 1 : 0)} s`;
  if (ms < 3_600_000) return `${Math.floor(ms / 60_000)} min`;
  if (ms < 86_400_000) return `${Math.floor(ms / 3_600_000)} h`;
  return `${Math.floor(ms / 86_400_000)} d`;
}

export const count = (number: number): string => number.toLocaleString('en');

/** `1 row`, `2 rows` */
export const counted = (number: number, one: string, many = `${one}s`): string =>
  `${count(number)} ${number === 1 ? one : many}`;

const UNITS = ['B', 'kB', 'MB', 'GB', 'TB'];

/** `512 B`, `1.4 MB` */
export function bytes(number: number): string {
  let at = 0;
  let size = number;
  for (; size >= 1000 && at < UNITS.length - 1; at++) size /= 1000;
  return `${at === 0 || size >= 100 ? Math.round(size) : size.toFixed(1)} ${UNITS[at]}`;
}

/** Time of day of an ISO time, as it was written; '' for anything else. */
export function clock(time: unknown, digits: 'seconds' | 'milliseconds' = 'seconds'): string {
  return typeof time === 'string' ? time.slice(11, digits === 'seconds' ? 19 : 23) : '';
}

/** At most so many characters; the middle goes, because names differ at both ends. */
export function shortened(text: string, charactersMax: number): string {
  const all = [...text];
  if (all.length <= charactersMax) return text;
  const head = Math.ceil((charactersMax - 1) / 2);
  return `${all.slice(0, head).join('')}…${all.slice(all.length - (charactersMax - 1 - head)).join('')}`;
}
