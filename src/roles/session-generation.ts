/**
 * Numbers the time in which a session on the local server may be used. It changes with every start of the server and every
 * opening and closing of the role, and no number comes back: a session of an earlier time may write with an earlier
 * primary's server id (rule C10).
 */
export class SessionGeneration {
  #number = 0;
  #open = false;

  serverStarted(): void {
    this.#number++;
  }

  /** Whether the role is open now. To be told at every change, also when it opens again at once. */
  roleChanged(open: boolean): void {
    if (open === this.#open) return;
    this.#open = open;
    this.#number++;
  }

  get number(): number {
    return this.#number;
  }
}
