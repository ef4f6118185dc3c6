import { type AuditFields, AuditTrail, type AuditTrailOptions } from '../audit/audit-trail.js';
import type { AuditLine } from '../planes/messages.js';
import type { Logger } from '../std/logger.js';

/** Lines that wait for an HTTP plane; more are lost, and counted. */
const KEPT_MAX = 20_000;

/**
 * Lines of the replication plane for the audit trail, which the HTTP plane writes: each is kept until it is in the
 * trail, and sent again to the next HTTP plane when one has died with it. (Then it may stand there twice.)
 */
export class AuditRelay {
  #kept: AuditLine[] = [];
  #number = 0;
  #lost = 0;
  #send: ((line: AuditLine) => void) | null = null;

  /** Never throws, never waits. The time is now. */
  add(fields: AuditFields): void {
    if (this.#kept.length >= KEPT_MAX) {
      this.#lost++;
      return;
    }
    const line = { number: ++this.#number, atMs: Date.now(), fields };
    this.#kept.push(line);
    this.#send?.(line);
  }

  /** There is an HTTP plane; what is kept is sent at once. */
  attach(send: (line: AuditLine) => void): void {
    this.#send = send;
    for (const line of this.#kept) send(line);
    this.#tellLost();
  }

  detach(): void {
    this.#send = null;
  }

  /** All up to this number is in the trail. */
  written(number: number): void {
    this.#kept = this.#kept.filter((line) => line.number > number);
    this.#tellLost();
  }

  #tellLost(): void {
    if (this.#lost === 0 || this.#kept.length >= KEPT_MAX) return;
    const lines = this.#lost;
    this.#lost = 0;
    this.add({ kind: 'lost', lines });
  }

  /** What no HTTP plane has taken is written here. Only when there is none, and none will be. */
  async writeKept(options: AuditTrailOptions, modules: { log: Logger }): Promise<void> {
    this.detach();
    if (this.#kept.length === 0) return;
    const trail = await AuditTrail.open(options, modules);
    for (const { fields, atMs } of this.#kept) trail.add(fields, atMs);
    this.#kept = [];
    await trail.close();
  }
}
