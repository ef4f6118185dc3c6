/** What the spool needs of a clock; a seam, so that simulated schedules decide when time passes. */
export interface Timers {
  /** Runs `action` once after `ms`. It never keeps the process alive. */
  after(ms: number, action: () => void): void;
}

export const realTimers: Timers = {
  after: (ms, action) => {
    setTimeout(action, ms).unref();
  },
};
