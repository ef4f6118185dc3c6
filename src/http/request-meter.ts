/** Counts of this node's HTTP requests. Written once for each request, read at a scrape. */
import type { MetricFamily } from '../metrics/text.js';
import { single } from '../metrics/text.js';
import { Histogram, LATENCY_BOUNDS_S } from '../std/histogram.js';
import type { EndpointDefinition } from './endpoints/definition.js';

interface EndpointCounts {
  readonly method: string;
  readonly route: string;
  /** By status code. */
  readonly answers: Map<number, number>;
  readonly times: Histogram;
}

/** How much of the node's limits (docs/limits.md) is in use. */
export interface HttpBudgets {
  connections(): MetricFamily[];
  bodiesBytes(): number;
  answersBytes(): number;
  held(): { readonly held: number; readonly total: number };
}

export class RequestMeter {
  readonly #endpoints = new Map<EndpointDefinition | null, EndpointCounts>();
  readonly #budgets: HttpBudgets;
  inFlight = 0;
  wrongTokens = 0;
  limited = 0;

  constructor(definitions: readonly EndpointDefinition[], budgets: HttpBudgets) {
    this.#budgets = budgets;
    for (const definition of definitions) this.#add(definition, definition.method, definition.path);
    // The page's files and unknown paths share one label, since a client may ask for any path.
    this.#add(null, 'any', 'other');
  }

  /** `ms`: null for a stream, whose duration is up to the client. */
  ended(endpoint: EndpointDefinition | null, status: number, ms: number | null): void {
    const counts = this.#endpoints.get(endpoint);
    if (!counts) return;
    counts.answers.set(status, (counts.answers.get(status) ?? 0) + 1);
    if (ms !== null) counts.times.observe(ms / 1000);
  }

  metrics(): MetricFamily[] {
    const all = [...this.#endpoints.values()].filter(({ answers }) => answers.size > 0);
    return [
      {
        type: 'counter',
        name: 'skein_http_requests_total',
        help: 'Requests that were answered, by endpoint and status.',
        samples: all.flatMap(({ method, route, answers }) =>
          [...answers].map(([status, value]) => ({
            labels: { method, route, status: String(status) },
            value,
          })),
        ),
      },
      {
        type: 'histogram',
        name: 'skein_http_request_seconds',
        help: 'How long requests took, streams apart.',
        series: all.map(({ method, route, times }) => ({ labels: { method, route }, histogram: times })),
      },
      single(
        'gauge',
        'skein_http_in_flight',
        'Requests that are being served, streams included.',
        this.inFlight,
      ),
      single(
        'counter',
        'skein_http_wrong_tokens_total',
        'Requests with a token that is not valid.',
        this.wrongTokens,
      ),
      single('counter', 'skein_http_limited_total', 'Requests that were refused with 429.', this.limited),
      single(
        'gauge',
        'skein_http_held',
        'Requests that wait for an open primary.',
        this.#budgets.held().held,
      ),
      single(
        'counter',
        'skein_http_held_total',
        'Times that a request has waited for an open primary.',
        this.#budgets.held().total,
      ),
      ...this.#budgets.connections(),
      single(
        'gauge',
        'skein_http_bodies_bytes',
        'Bodies of requests under way, of httpBodiesBytesMax.',
        this.#budgets.bodiesBytes(),
      ),
      single(
        'gauge',
        'skein_http_answers_bytes',
        'Answers that are put together in memory, of httpAnswersBytesMax.',
        this.#budgets.answersBytes(),
      ),
    ];
  }

  #add(definition: EndpointDefinition | null, method: string, route: string): void {
    this.#endpoints.set(definition, {
      method,
      route,
      answers: new Map(),
      times: new Histogram(LATENCY_BOUNDS_S),
    });
  }
}
