import { useMemo, useState } from 'preact/hooks';
import { useSession } from '../../api/session.js';
import { useHistory } from '../../api/use-history.js';
import { chartsOf, timesOf } from '../../state/history.js';
import { Chart } from './chart.js';

const RANGES = [
  { seconds: 300, text: '5 min' },
  { seconds: 900, text: '15 min' },
  { seconds: 3600, text: '1 h' },
];

export function ChartsPanel() {
  const { api, cluster } = useSession();
  const [seconds, setSeconds] = useState(300);
  const kept = useHistory(api, seconds);
  const primary = cluster.look?.status.primary ?? null;
  const charts = useMemo(() => (kept === null ? [] : chartsOf(kept, primary)), [kept, primary]);
  const times = useMemo(() => (kept === null ? [] : timesOf(kept)), [kept]);
  return (
    <section class="panel charts" aria-labelledby="charts-title">
      <div class="head">
        <h3 id="charts-title">The last minutes</h3>
        <fieldset class="ranges">
          <legend class="unseen">How far back</legend>
          {RANGES.map((range) => (
            <button
              key={range.seconds}
              type="button"
              class="quiet"
              aria-pressed={range.seconds === seconds}
              onClick={() => setSeconds(range.seconds)}
            >
              {range.text}
            </button>
          ))}
        </fieldset>
      </div>
      {kept === null && <p class="hint">Waiting for the node ...</p>}
      <div class="plots">
        {charts.map((chart) => (
          <figure key={chart.id}>
            <figcaption>
              {chart.title} <span class="unit">{chart.unit}</span>
            </figcaption>
            <Chart chart={chart} times={times} />
          </figure>
        ))}
      </div>
    </section>
  );
}
