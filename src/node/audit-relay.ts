import { type AuditFields, AuditTrail, type AuditTrailOptions } from '../audit/audit-trail.js';
import type { AuditLine } from '../planes/messages.js';
import type { Logger } from '../std/logger.js';

/** Lines that may wait for the HTTP plane. Further lines are dropped and counted. */
const KEPT_MAX = 20_000;

/**
 * Sends the replication plane's audit lines to the HTTP plane, which writes the trail. The relay keeps each line until it
 * is in the trail. If the HTTP plane dies before that, the next one gets the line again. (The trail may then have it twice.)
 */
export class AuditRelay {
  #kept: AuditLine[] = [];
  #number = 0;
  #lost = 0;
  #send: ((line: AuditLine) => void) | null = null;

  /** Adds a line with the current time. Never throws, never waits. */
  add(fields: AuditFields): void {
    if (this.#kept.length >= KEPT_MAX) {
      this.#lost++;
      return;
    }
    const line = { number: ++this.#number, atMs: Date.now(), fields };
    this.#kept.push(line);
    this.#send?.(line);
  }

  /** An HTTP plane has started. It gets all kept lines and all later ones. */
  attach(send: (line: AuditLine) => void): void {
    this.#send = send;
    for (const line of this.#kept) send(line);
    this.#tellLost();
  }

  detach(): void {
    this.#send = null;
  }

  /** The trail has all lines up to this number. */
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

  /** Writes the kept lines to the trail. Only allowed when no HTTP plane runs and none will be started. */
  async writeKept(options: AuditTrailOptions, modules: { log: Logger }): Promise<void> {
    this.detach();
    if (this.#kept.length === 0) return;
    const trail = await AuditTrail.open(options, modules);
    for (const { fields, atMs } of this.#kept) trail.add(fields, atMs);
    this.#kept = [];
    await trail.close();
  }
}
