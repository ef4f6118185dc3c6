import { type MetricFamily, single } from '../metrics/text.js';
import type { ClusterStatus } from '../model/status.js';

/** What this node knows of the primary and of its replacement, for `GET /metrics`. */
export function failoverMetrics(facts: {
  readonly status: Pick<ClusterStatus, 'primary' | 'failover'>;
  readonly isPrimary: boolean;
}): MetricFamily[] {
  const { primary, failover } = facts.status;
  const pauseMs = failover?.last?.pauseMs ?? null;
  return [
    single('gauge', 'skein_primary_known', '1 while this node knows the primary.', primary !== null),
    single(
      'gauge',
      'skein_failover_blocked',
      '1 on a primary that nobody would replace if it were lost now.',
      facts.isPrimary && failover != null && failover.elected === null,
    ),
    {
      type: 'gauge',
      name: 'skein_failover_pause_seconds',
      help: 'How long clients were not served at the last failover that the primary knows of.',
      samples: pauseMs === null ? [] : [{ labels: {}, value: pauseMs / 1000 }],
    },
  ];
}
