/**
 * The text form that Prometheus and its relatives read (exposition format 0.0.4). Families are made at each scrape from
 * counters that other objects own; there is no registry to keep up to date. Pure.
 */
import type { Histogram } from '../std/histogram.js';

export type Labels = Readonly<Record<string, string>>;

export interface Sample {
  readonly labels?: Labels;
  /** Null = not known now; the sample is left out. Booleans become 1 and 0. */
  readonly value: number | boolean | null;
}

export interface HistogramSeries {
  readonly labels?: Labels;
  readonly histogram: Histogram;
}

export type MetricFamily =
  | {
      readonly name: string;
      readonly help: string;
      readonly type: 'counter' | 'gauge';
      readonly samples: readonly Sample[];
    }
  | {
      readonly name: string;
      readonly help: string;
      readonly type: 'histogram';
      readonly series: readonly HistogramSeries[];
    };

export const METRICS_CONTENT_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

/** A family of one sample without labels. */
export function single(
  type: 'counter' | 'gauge',
  name: string,
  help: string,
  value: Sample['value'],
): MetricFamily {
  return { type, name, help, samples: [{ value }] };
}

export function metricsText(families: readonly MetricFamily[]): string {
  return families.map(familyText).join('');
}

function familyText(family: MetricFamily): string {
  const lines =
    family.type === 'histogram'
      ? family.series.flatMap((series) => histogramLines(family.name, series))
      : family.samples.flatMap(({ labels, value }) =>
          value === null ? [] : [`${family.name}${labelsText(labels)} ${numberText(Number(value))}\n`],
        );
  if (lines.length === 0) return '';
  return `# HELP ${family.name} ${escapeHelp(family.help)}\n# TYPE ${family.name} ${family.type}\n${lines.join('')}`;
}

function histogramLines(name: string, { labels, histogram }: HistogramSeries): string[] {
  let below = 0;
  const buckets = [...histogram.bounds, Number.POSITIVE_INFINITY].map((bound, at) => {
    below += histogram.counts[at] ?? 0;
    return `${name}_bucket${labelsText({ ...labels, le: numberText(bound) })} ${below}\n`;
  });
  return [
    ...buckets,
    `${name}_sum${labelsText(labels)} ${numberText(histogram.sum)}\n`,
    `${name}_count${labelsText(labels)} ${below}\n`,
  ];
}

function labelsText(labels: Labels | undefined): string {
  const pairs = Object.entries(labels ?? {}).map(([name, value]) => `${name}="${escapeLabel(value)}"`);
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
}

function numberText(value: number): string {
  if (value === Number.POSITIVE_INFINITY) return '+Inf';
  return value === Number.NEGATIVE_INFINITY ? '-Inf' : String(value);
}

function escapeLabel(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}

function escapeHelp(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');
}
