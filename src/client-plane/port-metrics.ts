import type { MetricFamily } from '../metrics/text.js';
import type { PortCounters } from '../mysql-port/counters.js';
import type { Histogram } from '../std/histogram.js';

export interface PortFacts {
  readonly port: string;
  readonly counters: Readonly<PortCounters>;
  readonly connect: Histogram;
}

export function mysqlPortMetrics(ports: readonly PortFacts[]): MetricFamily[] {
  const family = (
    type: 'counter' | 'gauge',
    name: string,
    help: string,
    field: Exclude<keyof PortCounters, 'bytesIn' | 'bytesOut'>,
  ): MetricFamily => ({
    type,
    name,
    help,
    samples: ports.map(({ port, counters }) => ({ labels: { port }, value: counters[field] })),
  });
  return [
    family('gauge', 'skein_mysql_connections', 'Open client connections of the MySQL ports.', 'open'),
    family(
      'counter',
      'skein_mysql_connections_total',
      'Accepted client connections of the MySQL ports.',
      'total',
    ),
    family('counter', 'skein_mysql_refused_total', 'Refused clients.', 'refused'),
    family(
      'counter',
      'skein_mysql_cut_total',
      'Connections cut by a change of role or of the server.',
      'cut',
    ),
    family('gauge', 'skein_mysql_logins_open', 'Open connections without a login.', 'loginsOpen'),
    family(
      'counter',
      'skein_mysql_logins_dropped_total',
      'Connections closed without a login: too late, or too many.',
      'loginsDropped',
    ),
    family(
      'counter',
      'skein_mysql_kills_total',
      'KILLs that were held until their target was checked.',
      'kills',
    ),
    family(
      'counter',
      'skein_mysql_kills_refused_total',
      'Of these, refused: the session waits for its quorum.',
      'killsRefused',
    ),
    {
      type: 'counter',
      name: 'skein_mysql_bytes_total',
      help: 'Bytes from clients (in) and to clients (out).',
      samples: ports.flatMap(({ port, counters }) => [
        { labels: { port, direction: 'in' }, value: counters.bytesIn },
        { labels: { port, direction: 'out' }, value: counters.bytesOut },
      ]),
    },
    {
      type: 'histogram',
      name: 'skein_mysql_connect_seconds',
      help: "From a client's connection to its server's greeting, waiting for an open primary included.",
      series: ports.map(({ port, connect }) => ({ labels: { port }, histogram: connect })),
    },
  ];
}
