/** Compares two positions. Pure. */

/** `epoch.ordinal.gtid`; the rest of the text is the nodes' own. */
const FORM = /^(\d{1,15})\.(\d{1,15})\./;

/** A session never goes back: answers may come in another order than the work was done. */
export function laterPosition(a: string | null, b: string): string {
  const [x, y] = [FORM.exec(a ?? ''), FORM.exec(b)];
  if (a === null || !x || !y) return b;
  const [epochA, epochB] = [Number(x[1]), Number(y[1])];
  if (epochA !== epochB) return epochA > epochB ? a : b;
  return Number(x[2]) > Number(y[2]) ? a : b;
}
