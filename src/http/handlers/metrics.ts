import { METRICS_CONTENT_TYPE, metricsText } from '../../metrics/text.js';
import type { Handler } from './context.js';

export const handleMetrics: Handler = async (_request, { node, meter }) => ({
  kind: 'json',
  contentType: METRICS_CONTENT_TYPE,
  body: (await node.metrics()) + metricsText(meter.metrics()),
});
