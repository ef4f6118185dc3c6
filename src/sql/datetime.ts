/** Texts of a parameter tagged "datetime" -> the text that MySQL takes. Checks strictly: nothing is repaired. Pure. */

const DATETIME =
  /^(\d{4})-(\d{2})-(\d{2})(?:[ T](\d{2}):(\d{2})(?::(\d{2})(?:\.(\d{1,6}))?)?(?:Z|([+-])(\d{2}):(\d{2}))?)?$/;
const MINUTE_MS = 60_000;
const YEAR_MAX = 9999;

/**
 * A date or a time without a zone stays as it is, MySQL's own zero dates included; with a zone it becomes its UTC text.
 * Null when the text is no such time: 30 February, 25 o'clock, or a year that the offset moves out of 0000 to 9999.
 */
export function datetimeText(value: string): string | null {
  const match = DATETIME.exec(value);
  if (match === null) return null;
  const [year, month, day, hours, minutes, seconds, , , offsetHours, offsetMinutes] = match
    .slice(1)
    .map(Number)
    .map((n) => (Number.isNaN(n) ? 0 : n)) as number[];
  const date = { year: year ?? 0, month: month ?? 0, day: day ?? 0 };
  const clock = { hours: hours ?? 0, minutes: minutes ?? 0, seconds: seconds ?? 0 };
  if (clock.hours > 23 || clock.minutes > 59 || clock.seconds > 59) return null;
  const sign = match[8];
  const isZeroDate = date.month === 0 || date.day === 0;
  if (!isDate(date, isZeroDate && sign === undefined)) return null;
  const [dateText = '', timeText] = value.replace(/Z$/, '').split(/[ T]/);
  if (timeText === undefined) return dateText;
  if (sign === undefined) return `${dateText} ${timeText}`;
  if ((offsetHours ?? 0) > 23 || (offsetMinutes ?? 0) > 59) return null;
  const offsetMs = ((offsetHours ?? 0) * 60 + (offsetMinutes ?? 0)) * MINUTE_MS * (sign === '-' ? -1 : 1);
  return utcText(date, clock, offsetMs, match[7]);
}

interface CalendarDate {
  readonly year: number;
  readonly month: number;
  readonly day: number;
}

function isDate({ year, month, day }: CalendarDate, zeroPartsAllowed: boolean): boolean {
  if (month > 12) return false;
  if (!zeroPartsAllowed && (month === 0 || day === 0)) return false;
  return day <= (month === 0 ? 31 : daysIn(year, month));
}

function daysIn(year: number, month: number): number {
  if (month !== 2) return [4, 6, 9, 11].includes(month) ? 30 : 31;
  return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28;
}

function utcText(
  { year, month, day }: CalendarDate,
  { hours, minutes, seconds }: { hours: number; minutes: number; seconds: number },
  offsetMs: number,
  fraction: string | undefined,
): string | null {
  // Not Date.UTC, which takes the years 0 to 99 for 1900 to 1999.
  const local = new Date(0);
  local.setUTCFullYear(year, month - 1, day);
  local.setUTCHours(hours, minutes, seconds);
  const utc = new Date(local.getTime() - offsetMs);
  const utcYear = utc.getUTCFullYear();
  if (utcYear < 0 || utcYear > YEAR_MAX) return null;
  const text = utc.toISOString().slice(0, 19).replace('T', ' ');
  return fraction === undefined ? text : `${text}.${fraction}`;
}
