/** This process: memory, CPU and event loop, under the names that every Node exporter uses. */
import { type MetricFamily, single } from './text.js';

const startedAtS = Math.round((Date.now() - performance.now()) / 1000);

export function processMetrics(): MetricFamily[] {
  const cpu = process.cpuUsage();
  const memory = process.memoryUsage();
  const loop = performance.eventLoopUtilization();
  return [
    single(
      'counter',
      'process_cpu_seconds_total',
      "CPU time of the node's process (its server is another one).",
      (cpu.user + cpu.system) / 1e6,
    ),
    single('gauge', 'process_resident_memory_bytes', "Memory of the node's process.", memory.rss),
    single('gauge', 'process_start_time_seconds', 'When the process began, Unix time.', startedAtS),
    single('gauge', 'nodejs_heap_size_used_bytes', "JavaScript's heap in use.", memory.heapUsed),
    single('gauge', 'nodejs_external_memory_bytes', 'Buffers outside the heap.', memory.external),
    single(
      'counter',
      'nodejs_eventloop_active_seconds_total',
      'Time in which the event loop was busy; its rate is the share of one core.',
      loop.active / 1000,
    ),
  ];
}
