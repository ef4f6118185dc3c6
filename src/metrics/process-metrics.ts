/** This process: memory, CPU and event loops, under the names that every Node exporter uses. */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { type MetricFamily, type Sample, single } from './text.js';

const startedAtS = Math.round((Date.now() - performance.now()) / 1000);
/** Each tick wakes the thread up. A longer stall is always detected, a shorter one sometimes. */
const DELAY_RESOLUTION_MS = 100;

/** Resources that one thread of the process uses. Plain data. */
export interface ThreadFacts {
  readonly name: string;
  readonly heapUsedBytes: number;
  readonly externalBytes: number;
  /** Time in which its event loop was busy. */
  readonly activeS: number;
  /** Longest time that something waited for its event loop since the last reading. */
  readonly delayMaxS: number;
}

/** Watches the thread that makes it. */
export class ThreadMeter {
  readonly #name: string;
  readonly #delay = monitorEventLoopDelay({ resolution: DELAY_RESOLUTION_MS });

  constructor(name: string) {
    this.#name = name;
    this.#delay.enable();
  }

  look(): ThreadFacts {
    const { heapUsed, external } = process.memoryUsage();
    // The histogram has the times between ticks; the time beyond the interval is delay.
    const delayMaxS = Math.max(0, this.#delay.max / 1e9 - DELAY_RESOLUTION_MS / 1000);
    this.#delay.reset();
    return {
      name: this.#name,
      heapUsedBytes: heapUsed,
      externalBytes: external,
      activeS: performance.eventLoopUtilization().active / 1000,
      delayMaxS,
    };
  }

  stop(): void {
    this.#delay.disable();
  }
}

export function processMetrics(threads: readonly ThreadFacts[]): MetricFamily[] {
  const cpu = process.cpuUsage();
  const perThread = (
    type: 'counter' | 'gauge',
    name: string,
    help: string,
    value: (thread: ThreadFacts) => number,
  ): MetricFamily => {
    const samples: Sample[] = threads.map((thread) => ({
      labels: { thread: thread.name },
      value: value(thread),
    }));
    return { type, name, help, samples };
  };
  return [
    single(
      'counter',
      'process_cpu_seconds_total',
      "CPU time of the node's process (its server is another one).",
      (cpu.user + cpu.system) / 1e6,
    ),
    single(
      'gauge',
      'process_resident_memory_bytes',
      "Memory of the node's process.",
      process.memoryUsage.rss(),
    ),
    single('gauge', 'process_start_time_seconds', 'When the process began, Unix time.', startedAtS),
    perThread(
      'gauge',
      'nodejs_heap_size_used_bytes',
      "JavaScript's heap in use, by thread.",
      ({ heapUsedBytes }) => heapUsedBytes,
    ),
    perThread(
      'gauge',
      'nodejs_external_memory_bytes',
      'Buffers outside the heap, by thread.',
      ({ externalBytes }) => externalBytes,
    ),
    perThread(
      'counter',
      'nodejs_eventloop_active_seconds_total',
      'Time in which the event loop was busy, by thread; its rate is the share of one core.',
      ({ activeS }) => activeS,
    ),
    perThread(
      'gauge',
      'nodejs_eventloop_delay_max_seconds',
      'Longest time that anything waited for the event loop since the last scrape, by thread.',
      ({ delayMaxS }) => delayMaxS,
    ),
  ];
}
