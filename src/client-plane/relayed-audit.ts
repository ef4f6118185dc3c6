import type { AuditTrail } from '../audit/audit-trail.js';
import type { AuditLine } from '../planes/messages.js';
import { sleep } from '../std/timing.js';

/** Pause after the trail could not be written. */
const RETRY_MS = 1_000;

/**
 * Adds lines of the replication plane to the audit trail, and tells when they are in it. The replication plane keeps each
 * line until then, because what waits in the memory of this thread ends with it.
 */
export class RelayedAudit {
  readonly #trail: Pick<AuditTrail, 'add' | 'settled'>;
  readonly #audited: (number: number) => void;
  readonly #retryMs: number;
  #newest = 0;
  #isTelling = false;

  /** `audited`: all lines up to this number are in the trail. */
  constructor(
    options: { readonly retryMs?: number },
    modules: { trail: Pick<AuditTrail, 'add' | 'settled'>; audited(number: number): void },
  ) {
    this.#retryMs = options.retryMs ?? RETRY_MS;
    this.#trail = modules.trail;
    this.#audited = modules.audited;
  }

  take({ number, atMs, fields }: AuditLine): void {
    this.#trail.add(fields, atMs);
    this.#newest = number;
    if (!this.#isTelling) void this.#tell();
  }

  async #tell(): Promise<void> {
    this.#isTelling = true;
    for (let told = 0; told < this.#newest; ) {
      const number = this.#newest;
      if (await this.#trail.settled()) {
        told = number;
        this.#audited(number);
      } else {
        await sleep(this.#retryMs);
      }
    }
    this.#isTelling = false;
  }
}
