/**
 * A session on the local server belongs to a generation and must not be used in another one, because it could write with the
 * server id of an earlier primary (rule C10). A new generation begins with every start of the server and with every opening
 * and closing of the role. No number is used twice.
 */
export class SessionGeneration {
  #number = 0;
  #open = false;

  serverStarted(): void {
    this.#number++;
  }

  /** To be called at every change of the role, also when it closes and opens again at once. */
  roleChanged(open: boolean): void {
    if (open === this.#open) return;
    this.#open = open;
    this.#number++;
  }

  get number(): number {
    return this.#number;
  }
}
