import { useEffect, useState } from 'preact/hooks';
import { Message, ProblemMessage } from '../../parts/message.js';
import type { Reading } from '../../state/sql/reading.js';
import { tabsOf, tabToShow } from '../../state/sql/result-tabs.js';
import type { RunLook } from '../../state/sql/script-run.js';
import { cutText, summaryText } from '../../state/sql/summary.js';
import { ExportButtons } from './export-buttons.js';
import { ResultGrid } from './grid/result-grid.js';
import { ResultTabs } from './result-tabs.js';

/** What came of the statements; with several, a tab for each. */
export function Results({ look, reading }: { look: RunLook; reading: Reading }) {
  const tabs = tabsOf(look);
  const [chosen, setChosen] = useState<string | null>(null);
  const texts = look.statements.map(({ text }) => text).join('\n');
  useEffect(() => setChosen(null), [texts, look.isRunning]);
  const at = tabs.findIndex(({ key }) => key === chosen);
  const shown = at === -1 ? tabToShow(tabs) : at;
  const tab = tabs[shown];
  if (tab === undefined) return null;
  const { statement, set } = tab;
  const cut = cutText(statement);
  const where = statement.errorLine === null ? '' : ` (line ${statement.errorLine} of the editor)`;
  return (
    <>
      {tabs.length > 1 && <ResultTabs tabs={tabs} shown={shown} onShow={(next) => setChosen(next.key)} />}
      <div
        id="sql-panel"
        role={tabs.length > 1 ? 'tabpanel' : undefined}
        aria-labelledby={tabs.length > 1 ? `result-tab-${shown}` : undefined}
      >
        {statement.state === 'failed' && statement.problem !== null && (
          <ProblemMessage
            id="sql-error"
            problem={{ ...statement.problem, text: `${statement.problem.text}${where}` }}
          />
        )}
        <p id="sql-summary" class="summary" role="status">
          {statement.state === 'failed' ? '' : summaryText(statement, look)}
        </p>
        {cut !== null && <Message kind="note">{cut}</Message>}
        {set !== null && set.columns.length > 0 && (
          <>
            <ResultGrid key={tab.key} set={set} label={`Result of ${tab.label}`} />
            {!look.isRunning && (
              <ExportButtons key={tab.key} set={set} sql={statement.text} reading={reading} />
            )}
          </>
        )}
      </div>
    </>
  );
}
