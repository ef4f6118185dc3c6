import { describe, expect, it } from 'vitest';
import { parseReport } from './sysbench.js';

/** As sysbench 1.0.20 prints it with --histogram=on, shortened. */
const REPORT = `Latency histogram (values are in milliseconds)
       value  ------------- distribution ------------- count
       0.500 |****************************************  50
       1.000 |********************                      45
       2.000 |**                                        4
       9.000 |                                          1

SQL statistics:
    queries performed:
        read:                            0
        total:                           600
    transactions:                        100    (49.96 per sec.)
    queries:                             600    (299.76 per sec.)
    ignored errors:                      3      (1.50 per sec.)
    reconnects:                          0      (0.00 per sec.)

General statistics:
    total time:                          2.0016s
    total number of events:              100
`;

describe("sysbench's report", () => {
  it('gives counts and percentiles of the histogram', () => {
    expect(parseReport(REPORT)).toEqual({
      seconds: 2.0016,
      transactions: 100,
      ignoredErrors: 3,
      latencyMs: { p50: 0.5, p95: 1, p99: 2 },
    });
  });

  it.each(['total time', 'transactions:', 'ignored errors', '0.500 |'])('is refused without %s', (what) => {
    const lines = REPORT.split('\n').filter((line) => !line.includes(what));
    const rest = what === '0.500 |' ? lines.filter((line) => !line.includes('|')) : lines;
    expect(() => parseReport(rest.join('\n'))).toThrow(/report has no/);
  });
});
