import { useEffect, useRef } from 'preact/hooks';
import type { ResultTab } from '../../state/sql/result-tabs.js';

const MARKS: Readonly<Partial<Record<ResultTab['statement']['state'], string>>> = {
  failed: 'failed',
  cancelled: 'cancelled',
  running: '...',
  skipped: 'not run',
};

interface ResultTabsProps {
  readonly tabs: readonly ResultTab[];
  readonly shown: number;
  onShow(tab: ResultTab): void;
}

export function ResultTabs({ tabs, shown, onShow }: ResultTabsProps) {
  const list = useRef<HTMLDivElement>(null);
  useEffect(() => {
    list.current?.children[shown]?.scrollIntoView({ block: 'nearest', inline: 'nearest' });
  }, [shown, tabs.length]);
  const onKeyDown = (event: KeyboardEvent) => {
    const step = event.key === 'ArrowRight' ? 1 : event.key === 'ArrowLeft' ? -1 : 0;
    const next = tabs[(shown + step + tabs.length) % tabs.length];
    if (step === 0 || next === undefined) return;
    event.preventDefault();
    onShow(next);
    document.getElementById(`result-tab-${tabs.indexOf(next)}`)?.focus();
  };
  return (
    <div ref={list} class="result-tabs" role="tablist" aria-label="Results" onKeyDown={onKeyDown}>
      {tabs.map((tab, at) => {
        const { state } = tab.statement;
        return (
          <button
            key={tab.key}
            id={`result-tab-${at}`}
            type="button"
            role="tab"
            class={state}
            aria-selected={at === shown}
            aria-controls="sql-panel"
            tabIndex={at === shown ? 0 : -1}
            title={tab.statement.text.slice(0, 300)}
            onClick={() => onShow(tab)}
          >
            {tab.label}
            {MARKS[state] !== undefined && <span class="mark-word"> {MARKS[state]}</span>}
          </button>
        );
      })}
    </div>
  );
}
