import { useEffect, useState } from 'preact/hooks';
import { useSession } from '../../api/session.js';
import { useLines } from '../../api/use-lines.js';
import { ProblemMessage } from '../../parts/message.js';
import { ViewTitle } from '../../parts/view-title.js';
import { isPoll, type Source } from '../../state/lines.js';
import { type LineChoice, LineFilter } from './line-filter.js';
import { LineList } from './line-list.js';

/** A search begins when the typing has stopped. */
const TYPED_MS = 300;

export function ActivityView() {
  const { api, self, role, onProblem } = useSession();
  const [wish, setWish] = useState<LineChoice>({ source: 'log', level: 'info', text: '', follow: true });
  const [withPolls, setWithPolls] = useState(false);
  const text = useSettled(wish.text.trim());
  const { lines, problem } = useLines(api, { ...wish, node: self, text }, onProblem);
  const shown = withPolls || wish.source === 'log' ? lines : (lines?.filter((line) => !isPoll(line)) ?? null);
  const choose = (source: Source) => setWish({ ...wish, source });
  return (
    <section class="panel fill" aria-labelledby="activity-title">
      <div class="head">
        <ViewTitle id="activity-title">
          {wish.source === 'log' ? 'Log' : 'Audit trail'} of {self}
        </ViewTitle>
        {role === 'admin' && (
          <fieldset class="choice">
            <legend class="unseen">What to show</legend>
            {(['log', 'audit'] as const).map((source) => (
              <label key={source}>
                <input
                  type="radio"
                  name="source"
                  checked={wish.source === source}
                  onChange={() => choose(source)}
                />
                {source === 'log' ? 'Log' : 'Audit trail'}
              </label>
            ))}
          </fieldset>
        )}
      </div>
      <LineFilter wish={wish} onWish={setWish} withPolls={withPolls} onPolls={setWithPolls} />
      {problem !== null && <ProblemMessage id="log-error" problem={problem} />}
      <LineList lines={shown} isFiltered={text !== ''} />
    </section>
  );
}

function useSettled(text: string): string {
  const [settled, setSettled] = useState(text);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(text), TYPED_MS);
    return () => clearTimeout(timer);
  }, [text]);
  return settled;
}
