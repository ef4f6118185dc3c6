import type { EventLog } from '../events/event-log.js';
import type { UserChange } from '../flavour/accounts.js';
import { messageOf } from '../model/error.js';
import type { UserAccounts, UserSession } from '../mysql-control/user-accounts.js';
import { monotonicMs } from '../std/clock.js';
import type { Logger } from '../std/logger.js';

/** Poll interval of the table of accounts. The documentation promises that a change takes effect within a second. */
const LOOK_MS = 500;
/** Interval of the full comparison, which also finds changes that were made directly on the server. */
const COMPARE_MS = 5_000;

const SAID: Readonly<Record<UserChange['what'], string>> = {
  made: 'The account was created on this server.',
  password: 'The password of the account was changed on this server.',
  rights: 'The rights of the account were changed on this server.',
  dropped: 'The account was removed from this server.',
};
const RESTORED = 'The account on this server was changed from outside; the node restored it.';

export interface UserKeeperModules {
  readonly logger: Logger;
  readonly events: EventLog;
  readonly accounts: UserAccounts;
  /** Cuts the client connections to which these sessions belong. */
  cut(sessions: readonly UserSession[]): void;
}

/**
 * Keeps the accounts of applications on this node's server equal to the replicated table; see
 * mysql-control/user-accounts.ts.
 */
export class UserKeeper {
  readonly #modules: UserKeeperModules;
  #timer: NodeJS.Timeout | null = null;
  /** Identifies the current run of the server. Polling for an earlier run ends. */
  #run: object | null = null;
  /** Accounts whose sessions must be cut and may still exist. */
  readonly #toCut = new Set<string>();
  #comparedAtMs = Number.NEGATIVE_INFINITY;
  #failing = false;

  constructor(modules: UserKeeperModules) {
    this.#modules = modules;
  }

  /** Called when the server is up. */
  start(): void {
    this.stop();
    const run = {};
    this.#run = run;
    void this.#look(run);
  }

  stop(): void {
    this.#run = null;
    // The sessions have ended with the server.
    this.#toCut.clear();
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = null;
  }

  async #look(run: object): Promise<void> {
    const now = monotonicMs();
    const compares = now - this.#comparedAtMs > COMPARE_MS;
    if (compares) this.#comparedAtMs = now;
    try {
      await this.#reconcile({ ifChanged: !compares });
      this.#failing = false;
    } catch (error) {
      // The end of the server is reported elsewhere. A failure while the server runs is logged once.
      if (!this.#failing && this.#run === run) {
        this.#modules.logger.warn({ reason: messageOf(error) }, 'the accounts could not be repaired');
      }
      this.#failing = true;
    }
    if (this.#run === run) this.#timer = setTimeout(() => void this.#look(run), LOOK_MS);
  }

  /** Resolves when the server's accounts match the table as it was at the call or later. Rejects when that failed. */
  reconcile(): Promise<void> {
    return this.#reconcile({});
  }

  async #reconcile(options: { ifChanged?: boolean }): Promise<void> {
    const { accounts, events, cut } = this.#modules;
    const { changes, restored } = await accounts.reconcile(options);
    for (const { name, what } of changes) {
      if (restored) events.add('account.changed', name, RESTORED, { action: 'restored' });
      else if (what !== 'rights') events.add('account.changed', name, SAID[what], { action: what });
    }
    const without = restored ? [] : changes.filter(({ what }) => what === 'password' || what === 'dropped');
    for (const { name } of without) this.#toCut.add(name);
    const names = [...this.#toCut];
    const sessions = await accounts.sessionsOf(names);
    if (sessions.length > 0) cut(sessions);
    for (const name of names) this.#toCut.delete(name);
  }
}
