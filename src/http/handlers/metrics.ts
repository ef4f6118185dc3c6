import { METRICS_CONTENT_TYPE, metricsText } from '../../metrics/text.js';
import type { Handler } from './context.js';

export const handleMetrics: Handler = (_request, { node, meter }) => ({
  kind: 'json',
  contentType: METRICS_CONTENT_TYPE,
  body: metricsText([...node.metrics(), ...meter.metrics()]),
});
