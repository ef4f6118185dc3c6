import type { Violation } from './history.js';
import { describeRound, type Round } from './nemesis.js';

export interface TortureResult {
  readonly seed: number;
  readonly nodes: number;
  readonly durationMs: number;
  /** How it is run again. */
  readonly command: string;
  readonly commit: string;
  readonly rounds: readonly Round[];
  readonly workloads: readonly { name: string; summary: string }[];
  readonly violations: readonly Violation[];
}

/** The page of a run, as Markdown. Pure. */
export function reportPage(result: TortureResult): string {
  const { seed, nodes, durationMs, command, commit, rounds, workloads, violations } = result;
  const pairs = rounds.filter(({ faults }) => faults.length > 1);
  return `${[
    '# Torture of a cluster',
    `${violations.length === 0 ? '**No violation.**' : `**${violations.length} violations.**`} ${nodes} nodes, seed ${seed}, ` +
      `${(durationMs / 60_000).toFixed(1)} minutes, commit ${commit}, ${rounds.length} rounds of faults, ${pairs.length} of them pairs.`,
    `\`${command}\``,
    ...(violations.length === 0
      ? []
      : ['## Violations', ...violations.map(({ of, what }) => `- ${of}: ${what}`)]),
    '## What the clients did',
    table(
      ['workload', 'answers'],
      workloads.map(({ name, summary }) => [name, summary]),
    ),
    '## Pauses by fault',
    'The longest time in which no write of any client was acknowledged, in milliseconds. A fault that takes the majority away lasts as long as it lasts.',
    table(['fault', 'on', 'rounds', 'median', 'worst'], pauses(rounds)),
    '## Rounds',
    rounds.map((round) => `- ${describeRound(round)}`).join('\n'),
  ].join('\n\n')}\n`;
}

function pauses(rounds: readonly Round[]): string[][] {
  const groups = new Map<string, { row: [kind: string, on: string]; pausesMs: number[] }>();
  for (const { faults, pauseMs } of rounds) {
    const [first] = faults;
    if (!first) continue;
    const on = first.on.replace(/ \d+$/, '');
    const kind = first.kind.replace(/ by .*| \(.*\)/, '');
    const row: [string, string] = faults.length > 1 ? ['(pairs)', ''] : [kind, on];
    const group = groups.get(row.join()) ?? { row, pausesMs: [] };
    groups.set(row.join(), group);
    group.pausesMs.push(pauseMs);
  }
  return [...groups.values()]
    .sort((a, b) => a.row.join().localeCompare(b.row.join()))
    .map(({ row, pausesMs }) => [
      ...row,
      String(pausesMs.length),
      String(medianOf(pausesMs)),
      String(Math.max(...pausesMs)),
    ]);
}

function medianOf(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor((sorted.length - 1) / 2)] ?? 0;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}
