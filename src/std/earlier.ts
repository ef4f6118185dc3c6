/** The ISO time that many milliseconds before another; text that is no time stays as it is. */
export function earlier(time: string, byMs: number): string {
  const atMs = Date.parse(time);
  return Number.isNaN(atMs) ? time : new Date(atMs - byMs).toISOString();
}
