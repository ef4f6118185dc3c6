import { Figures } from './figures.js';
import { MODES } from './modes.js';
import type { Results } from './results.js';

const WIDTH = 920;
const LEFT = 10;
const PANEL_TOP = 34;
const PANEL_HEIGHT = 190;
const PANEL_GAP = 62;
const BAR_MOST = 42;
const COLOURS: Readonly<Record<string, string>> = {
  plain: '#9aa4b2',
  'native-async': '#7fb3d5',
  'native-semisync': '#2e6da4',
  'native-semisync-durable': '#1b4568',
  'skein-async': '#f0b27a',
  'skein-majority': '#d35400',
};

/** Transactions per second as bars with least and most, one row for each workload, a group for each number of clients. */
export function chartOf(results: Results): string {
  const figures = new Figures(results);
  const cases = figures.cases();
  const workloads = [...new Set(cases.map(({ workload }) => workload))];
  const modes = MODES.filter(({ id }) => id in COLOURS && results.runs.some(({ mode }) => mode === id));
  const panels = workloads.map((workload, at) => {
    const groups = cases.filter((one) => one.workload === workload);
    return panel(figures, workload, groups, modes, 44 + PANEL_TOP + at * (PANEL_HEIGHT + PANEL_GAP));
  });
  const height = 44 + workloads.length * (PANEL_HEIGHT + PANEL_GAP) + PANEL_TOP;
  const legend = modes.map(({ id, label }, at) => {
    const x = LEFT + at * (WIDTH / modes.length);
    return `<rect x="${x}" y="12" width="12" height="12" fill="${COLOURS[id]}"/>${text(x + 17, 22, label, 'start', 12)}`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" font-family="system-ui, sans-serif" role="img" aria-label="Transactions per second of each way of replicating">
<rect width="${WIDTH}" height="${height}" fill="#ffffff"/>
${legend.join('\n')}
${panels.join('\n')}
</svg>
`;
}

function panel(
  figures: Figures,
  workload: string,
  groups: readonly { workload: string; clients: number }[],
  modes: readonly { id: string }[],
  top: number,
): string {
  const most = Math.max(
    1,
    ...groups.flatMap((one) =>
      modes.map(({ id }) => figures.spread(id, one, ({ perSecond }) => perSecond)?.most ?? 0),
    ),
  );
  const bottom = top + PANEL_HEIGHT;
  const groupWidth = (WIDTH - 2 * LEFT) / groups.length;
  const barWidth = Math.min(BAR_MOST, (groupWidth - 24) / modes.length);
  const y = (value: number) => bottom - (value / most) * PANEL_HEIGHT;
  const bars = groups.flatMap((one, group) => {
    const start = LEFT + group * groupWidth + (groupWidth - barWidth * modes.length) / 2;
    const each = modes.flatMap(({ id }, at) => {
      const spread = figures.spread(id, one, ({ perSecond }) => perSecond);
      if (spread === null) return [];
      const x = start + at * barWidth;
      const middle = x + barWidth / 2;
      return [
        `<rect x="${round(x + 2)}" y="${round(y(spread.median))}" width="${round(barWidth - 4)}" height="${round(bottom - y(spread.median))}" fill="${COLOURS[id]}"/>`,
        `<path d="M${round(middle)} ${round(y(spread.least))}V${round(y(spread.most))}" stroke="#333333"/>`,
        text(middle, y(spread.most) - 4, Math.round(spread.median).toString(), 'middle', 11),
      ];
    });
    const label = `${one.clients} client${one.clients === 1 ? '' : 's'}`;
    return [...each, text(LEFT + (group + 0.5) * groupWidth, bottom + 16, label, 'middle', 12)];
  });
  return [
    text(LEFT, top - 16, `${workload}: transactions per second (median; line: least to most)`, 'start', 13),
    `<path d="M${LEFT} ${bottom}H${WIDTH - LEFT}" stroke="#999999"/>`,
    ...bars,
  ].join('\n');
}

const round = (value: number) => Math.round(value * 10) / 10;

const text = (x: number, y: number, content: string, anchor: string, size: number) =>
  `<text x="${round(x)}" y="${round(y)}" font-size="${size}" text-anchor="${anchor}" fill="#222222">${content}</text>`;
