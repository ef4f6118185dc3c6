import type { Load } from '../model/status.js';
import type { Histogram } from '../std/histogram.js';
import { processActivity } from '../std/process-identity.js';

const STEP_MS = 1_000;

export interface LoadMeterModules {
  /** A monotonic clock. */
  nowMs(): number;
  /** Null while the server is down. */
  serverPid(): number | null;
  spoolBytes(): number;
  /** In seconds; null = this node is not the primary. */
  commitWaits(): Histogram | null;
}

interface Look {
  readonly atMs: number;
  readonly nodeCpuMs: number;
  readonly server: { readonly pid: number; readonly cpuMs: number } | null;
  /** The same object as long as the node is the primary. */
  readonly waits: { readonly of: Histogram; readonly count: number; readonly sumS: number } | null;
}

/** Measures once a second how busy this node is, for its heartbeats. */
export class LoadMeter {
  /** Of the last second; null = not measured yet. */
  current: Load | null = null;
  readonly #modules: LoadMeterModules;
  #before: Look | null = null;

  constructor(modules: LoadMeterModules) {
    this.#modules = modules;
    setInterval(() => this.measure(), STEP_MS).unref();
  }

  measure(): void {
    const before = this.#before;
    const now = this.#look();
    this.#before = now;
    if (before === null) return;
    this.current = {
      cpuPercent: cpuPercent(before, now),
      spoolBytes: this.#modules.spoolBytes(),
      commitWaitMs: commitWaitMs(before, now),
    };
  }

  #look(): Look {
    const { nowMs, serverPid, commitWaits } = this.#modules;
    const { user, system } = process.cpuUsage();
    const pid = serverPid();
    const activity = pid === null ? null : processActivity(pid);
    const waits = commitWaits();
    return {
      atMs: nowMs(),
      nodeCpuMs: (user + system) / 1000,
      server: pid === null || activity === null ? null : { pid, cpuMs: activity.cpuMs },
      waits: waits && { of: waits, count: waits.count, sumS: waits.sum },
    };
  }
}

/** A server that was started in between counts from the next measurement on. */
function cpuPercent(before: Look, now: Look): number {
  const isSame = before.server !== null && before.server.pid === now.server?.pid;
  const serverMs = isSame ? (now.server?.cpuMs ?? 0) - (before.server?.cpuMs ?? 0) : 0;
  const ms = now.nodeCpuMs - before.nodeCpuMs + serverMs;
  return rounded((100 * ms) / Math.max(1, now.atMs - before.atMs), 10);
}

function commitWaitMs({ waits: before }: Look, { waits: now }: Look): number | null {
  if (now === null || before === null || before.of !== now.of || now.count === before.count) return null;
  return rounded((1000 * (now.sumS - before.sumS)) / (now.count - before.count), 1000);
}

const rounded = (value: number, parts: number) => Math.round(value * parts) / parts;
