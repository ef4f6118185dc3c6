import { useEffect, useRef } from 'preact/hooks';
import UPlot from 'uplot';
import type { Chart as ChartData } from '../../state/history.js';

const HEIGHT = 132;
const COLOURS = 6;
/** All charts show the same moment under the pointer. */
const SYNC = 'skein';

interface ChartProps {
  readonly chart: ChartData;
  readonly times: readonly number[];
}

/** One chart. It is drawn anew when its lines are others, and gets the new values otherwise. */
export function Chart({ chart, times }: ChartProps) {
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<UPlot | null>(null);
  const latest = useRef<UPlot.AlignedData>([[]]);
  latest.current = [times, ...chart.lines.map(({ values }) => values)] as unknown as UPlot.AlignedData;
  const names = chart.lines.map(({ name }) => name).join(' ');

  useEffect(() => {
    const element = place.current;
    if (element === null) return;
    const drawn = new UPlot(optionsOf(chart, element), latest.current, element);
    plot.current = drawn;
    const resized = new ResizeObserver(() => drawn.setSize({ width: element.clientWidth, height: HEIGHT }));
    resized.observe(element);
    return () => {
      resized.disconnect();
      drawn.destroy();
      plot.current = null;
    };
  }, [names]);

  useEffect(() => {
    plot.current?.setData(latest.current);
  }, [times, chart]);

  return <div ref={place} class="plot" data-chart={chart.id} />;
}

function optionsOf({ lines, unit }: ChartData, element: HTMLElement): UPlot.Options {
  const colour = (name: string) => () => colourOf(element, name);
  const axis = {
    stroke: colour('--soft'),
    grid: { stroke: colour('--line'), width: 1 },
    ticks: { show: false },
  };
  const font = '11px Inter, system-ui, sans-serif';
  return {
    width: element.clientWidth,
    height: HEIGHT,
    cursor: { sync: { key: SYNC }, drag: { x: false, y: false }, points: { size: 5 } },
    legend: { live: true },
    hooks: { setCursor: [showNewest], setData: [showNewest] },
    scales: { y: { range: (_, __, most) => [0, Math.max(most ?? 0, 1) * 1.1] } },
    axes: [
      { ...axis, font, size: 26, space: 64, values: (_, ticks) => ticks.map(clockTime) },
      { ...axis, font, size: 48, values: (_, ticks) => ticks.map((value) => shortNumber(value)) },
    ],
    series: [
      { label: 'time', value: (_: UPlot, time: number | null) => (time === null ? '-' : clockTime(time)) },
      ...lines.map(({ name }, at) => ({
        label: name,
        stroke: colour(`--chart-${(at % COLOURS) + 1}`),
        width: 1.5,
        points: { show: false },
        value: (_: UPlot, value: number | null) => (value === null ? '-' : `${shortNumber(value)} ${unit}`),
      })),
    ],
  };
}

/** As the page shows it now, light or dark: a canvas does not know the names and functions of style sheets. */
function colourOf(element: HTMLElement, name: string): string {
  element.style.color = `var(${name})`;
  const { color } = getComputedStyle(element);
  element.style.color = '';
  return color;
}

/** Without a pointer over it, the legend has the newest values. */
function showNewest(plot: UPlot): void {
  if ((plot.cursor.left ?? -1) < 0) plot.setLegend({ idx: plot.data[0].length - 1 }, false);
}

const clockTime = (seconds: number) => new Date(seconds * 1000).toTimeString().slice(0, 8);

function shortNumber(value: number): string {
  if (value >= 10_000) return `${Math.round(value / 1000)}k`;
  if (value >= 100) return String(Math.round(value));
  return String(Math.round(value * 100) / 100);
}
