import { describe, expect, it } from 'vitest';
import { Histogram } from '../std/histogram.js';
import { GrowingCounter } from './growing-counter.js';
import { processMetrics, ThreadMeter } from './process-metrics.js';
import { metricsText } from './text.js';

describe('metricsText', () => {
  it('writes counters and gauges with labels, and leaves out what is not known', () => {
    const text = metricsText([
      {
        type: 'gauge',
        name: 'skein_lag_seconds',
        help: 'How far\nbehind.',
        samples: [
          { labels: { member: 'n"2\\\n' }, value: 0.25 },
          { labels: { member: 'n3' }, value: null },
          { value: true },
        ],
      },
      { type: 'gauge', name: 'skein_nothing', help: 'x', samples: [{ value: null }] },
    ]);
    expect(text).toBe(
      '# HELP skein_lag_seconds How far\\nbehind.\n# TYPE skein_lag_seconds gauge\n' +
        'skein_lag_seconds{member="n\\"2\\\\\\n"} 0.25\nskein_lag_seconds 1\n',
    );
  });

  it('writes histograms cumulatively', () => {
    const histogram = new Histogram([1, 2]);
    histogram.observe(1);
    histogram.observe(1.5, 3);
    histogram.observe(9);
    const text = metricsText([{ type: 'histogram', name: 'h', help: 'x', series: [{ histogram }] }]);
    expect(text.split('\n').slice(2, -1)).toEqual([
      'h_bucket{le="1"} 1',
      'h_bucket{le="2"} 4',
      'h_bucket{le="+Inf"} 5',
      'h_sum 14.5',
      'h_count 5',
    ]);
    expect(histogram.count).toBe(5);
  });

  it('tells of the process', () => {
    const meter = new ThreadMeter('http');
    const other = { ...meter.look(), name: 'replication' };
    const text = metricsText(processMetrics([other, meter.look()]));
    meter.stop();
    for (const thread of ['replication', 'http'])
      expect(text).toMatch(new RegExp(`^nodejs_heap_size_used_bytes\\{thread="${thread}"\\} \\d+$`, 'm'));
    expect(text).toMatch(/^process_resident_memory_bytes \d+$/m);
    expect(text).toMatch(/^process_cpu_seconds_total [\d.]+$/m);
  });
});

it('GrowingCounter counts growth only', () => {
  const counter = new GrowingCounter();
  // Not known yet, the first look, growth, after a restart of the server, back again, growth.
  expect([0, 100, 105, 0, 90, 105, 106].map((ordinal) => counter.look(ordinal))).toEqual([
    0, 0, 5, 5, 5, 5, 6,
  ]);
});
