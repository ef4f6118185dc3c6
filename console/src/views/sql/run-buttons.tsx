import { useEffect, useState } from 'preact/hooks';

/** A short statement is over before anybody could read that it runs. */
const TELL_AFTER_MS = 300;

interface RunButtonsProps {
  readonly busy: boolean;
  onExplain(): void;
  onRunAll(): void;
  onCancel(): void;
}

export function RunButtons({ busy, onExplain, onRunAll, onCancel }: RunButtonsProps) {
  const takesLong = useTakesLong(busy);
  return (
    <span class="run-buttons">
      {takesLong && (
        <button type="button" class="quiet" onClick={onCancel}>
          Cancel
        </button>
      )}
      <button id="explain" type="button" class="quiet" disabled={busy} onClick={onExplain}>
        Explain
      </button>
      <button id="run-all" type="button" class="quiet" disabled={busy} onClick={onRunAll}>
        Run all
      </button>
      <button id="run" type="submit" disabled={busy}>
        {takesLong ? 'Running ...' : 'Run'}
      </button>
    </span>
  );
}

function useTakesLong(busy: boolean): boolean {
  const [long, setLong] = useState(false);
  useEffect(() => {
    setLong(false);
    if (!busy) return;
    const timer = setTimeout(() => setLong(true), TELL_AFTER_MS);
    return () => clearTimeout(timer);
  }, [busy]);
  return long && busy;
}
