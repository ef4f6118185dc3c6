/** Reads what `GET /metrics` answers, as strictly as the format is meant, and rules that are made for it. */

export interface ScrapedSample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

const NAME = '[a-zA-Z_:][a-zA-Z0-9_:]*';
const SAMPLE = new RegExp(`^(${NAME})(?:\\{(.*)\\})? (\\S+)$`);
const LABEL = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(?:,|$)/y;

/** @throws Error naming the line that is not in order */
export function parseScrape(text: string): ScrapedSample[] {
  if (!text.endsWith('\n')) throw new Error('the scrape does not end with a new line');
  const samples: ScrapedSample[] = [];
  const types = new Map<string, string>();
  const seen = new Set<string>();
  let family = '';
  for (const line of text.slice(0, -1).split('\n')) {
    const type = new RegExp(`^# TYPE (${NAME}) (counter|gauge|histogram)$`).exec(line);
    if (type) {
      family = type[1] ?? '';
      if (types.has(family)) throw new Error(`${family} is there twice`);
      types.set(family, type[2] ?? '');
      if (type[2] === 'counter' && !family.endsWith('_total')) throw new Error(`${family} is a counter`);
      continue;
    }
    if (line.startsWith('# HELP ')) continue;
    const match = SAMPLE.exec(line);
    if (!match) throw new Error(`not a sample: ${line}`);
    const [, name = '', inner = '', value = ''] = match;
    if (seen.has(`${name}{${inner}}`)) throw new Error(`a sample is there twice: ${line}`);
    seen.add(`${name}{${inner}}`);
    const ending = types.get(family) === 'histogram' ? /_(bucket|sum|count)$/ : /$^/;
    if (name.replace(ending, '') !== family) throw new Error(`${name} stands below ${family}`);
    samples.push({ name, labels: parseLabels(inner, line), value: parseValue(value, line) });
  }
  return samples;
}

function parseLabels(text: string, line: string): Record<string, string> {
  const labels: Record<string, string> = {};
  LABEL.lastIndex = 0;
  while (LABEL.lastIndex < text.length) {
    const match = LABEL.exec(text);
    if (!match) throw new Error(`labels are not in order: ${line}`);
    labels[match[1] ?? ''] = match[2] ?? '';
  }
  return labels;
}

function parseValue(text: string, line: string): number {
  const value = text === '+Inf' ? Number.POSITIVE_INFINITY : Number(text);
  if (Number.isNaN(value)) throw new Error(`not a number: ${line}`);
  return value;
}

/** Sum over all samples of this name that have these labels; throws when there is none. */
export function sampleValue(
  samples: readonly ScrapedSample[],
  name: string,
  labels: Record<string, string> = {},
): number {
  const found = samples.filter(
    (sample) =>
      sample.name === name && Object.entries(labels).every(([key, value]) => sample.labels[key] === value),
  );
  if (found.length === 0) throw new Error(`no sample ${name} ${JSON.stringify(labels)}`);
  return found.reduce((sum, { value }) => sum + value, 0);
}

/** The expressions of an alert file, by the alert's name. */
export function alertExpressions(yaml: string): Map<string, string> {
  const found = [...yaml.matchAll(/- alert: (\w+)\n\s+expr: (.+)\n/g)];
  return new Map(found.map(([, name = '', expr = '']) => [name, expr]));
}

const FUNCTIONS = new Set([
  ...[
    'absent',
    'and',
    'by',
    'count',
    'histogram_quantile',
    'increase',
    'max',
    'on',
    'or',
    'rate',
    'sum',
    'time',
  ],
]);

/** What an expression asks for that these samples do not have; none when it fits. `up` is Prometheus's own. */
export function faultsOf(expression: string, samples: readonly ScrapedSample[]): string[] {
  const faults: string[] = [];
  if (!isBalanced(expression)) faults.push('brackets are not balanced');
  const withoutGrouping = expression.replace(/\b(?:by|on) \([^)]*\)/g, '').replace(/\[[^\]]*\]/g, '');
  for (const [, name = '', matchers = ''] of withoutGrouping.matchAll(
    /\b([a-zA-Z_]\w*)\b(?!\s*=)(?:\{([^}]*)\})?/g,
  )) {
    if (FUNCTIONS.has(name) || name === 'up' || isInsideMatcher(withoutGrouping, name)) continue;
    const family = samples.filter((sample) => sample.name === name);
    if (family.length === 0) faults.push(`there is no ${name}`);
    for (const [, label = '', operator = '', value = ''] of matchers.matchAll(
      /(\w+)(=~|!~|!=|=)"([^"]*)"/g,
    )) {
      const fits = family.some(({ labels }) =>
        operator === '=' ? labels[label] === value : labels[label] !== undefined,
      );
      if (!fits) faults.push(`no ${name} has ${label}${operator}"${value}"`);
    }
  }
  return faults;
}

/** A label's name or value, which is looked at with its metric. */
function isInsideMatcher(expression: string, word: string): boolean {
  const outside = expression.replace(/\{[^}]*\}/g, '');
  return !new RegExp(`\\b${word}\\b`).test(outside);
}

function isBalanced(text: string): boolean {
  let depth = 0;
  for (const character of text) {
    if (character === '(') depth++;
    if (character === ')') depth--;
    if (depth < 0) return false;
  }
  return depth === 0;
}
