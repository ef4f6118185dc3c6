/**
 * Each server has the named time zones in its own tables, and the log does not contain them. But every DDL in the log has the
 * zone of its session. A replica without that zone stops (1298), and a replica with other rules for it computes other values.
 */

/** An operator may load newer zones at any time. */
const LOOK_AGAIN_MS = 60_000;

/** The checksums of this node's time zones, for its heartbeats. */
export class OwnTimeZones {
  readonly #control: { timeZoneSums(): Promise<string> };
  readonly #nowMs: () => number;
  #lookedAtMs = Number.NEGATIVE_INFINITY;
  #sums: string | null = null;

  constructor(control: { timeZoneSums(): Promise<string> }, nowMs: () => number = () => performance.now()) {
    this.#control = control;
    this.#nowMs = nowMs;
  }

  /** Checksums of the zones; null = not known. */
  get sums(): string | null {
    return this.#sums;
  }

  /** Called when another server runs. */
  forget(): void {
    this.#sums = null;
    this.#lookedAtMs = Number.NEGATIVE_INFINITY;
  }

  /** Called at every heartbeat. Queries the server once a minute. */
  async look(): Promise<void> {
    const nowMs = this.#nowMs();
    if (nowMs - this.#lookedAtMs < LOOK_AGAIN_MS) return;
    this.#lookedAtMs = nowMs;
    this.#sums = await this.#control.timeZoneSums();
  }
}

export interface TimeZoneGuardModules {
  /** Checksums of the primary's own zones; null = not known. */
  own(): string | null;
  /** A replica has other zones, and had equal ones before. */
  found(reason: string): void;
  /** `warnings` may have changed. */
  changed(): void;
}

/** On the primary: reports replicas whose servers have other zones. */
export class TimeZoneGuard {
  readonly #modules: TimeZoneGuardModules;
  readonly #differing = new Set<string>();

  constructor(modules: TimeZoneGuardModules) {
    this.#modules = modules;
  }

  get warnings(): string[] {
    return this.#differing.size === 0 ? [] : [differs([...this.#differing].sort())];
  }

  /** Takes the checksums of a replica's heartbeat. Null: not known. Undefined: an older version, which does not send them. */
  heard(node: string, sums: string | null | undefined): void {
    const own = this.#modules.own();
    if (own === null || sums === null || sums === undefined) return;
    if (sums === own) {
      this.left(node);
      return;
    }
    if (this.#differing.has(node)) return;
    this.#differing.add(node);
    this.#modules.found(differs([node]));
    this.#modules.changed();
  }

  /** Forgets a gone replica. It is compared again when it returns. */
  left(node: string): void {
    if (this.#differing.delete(node)) this.#modules.changed();
  }
}

function differs(nodes: readonly string[]): string {
  return (
    `The named time zones of the primary's server are not those of ${nodes.join(', ')}: DDL of a session with a named zone ` +
    'can stop a replica (1298), and values computed there can differ. Load the same zones on all nodes (docs/operations.md, ' +
    '"Time zones"); until then let clients use offsets such as +02:00.'
  );
}
