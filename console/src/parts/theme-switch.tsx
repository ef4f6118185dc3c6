import { useEffect, useState } from 'preact/hooks';

const KEY = 'skein-theme';
const NEXT: Readonly<Record<string, string>> = { auto: 'light', light: 'dark', dark: 'auto' };

/** As the system has it, light, or dark. The choice is kept in the browser. */
export function ThemeSwitch() {
  const [theme, setTheme] = useState(() => localStorage.getItem(KEY) ?? 'auto');
  useEffect(() => {
    if (theme === 'auto') delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
  }, [theme]);
  const choose = (next: string) => {
    if (next === 'auto') localStorage.removeItem(KEY);
    else localStorage.setItem(KEY, next);
    setTheme(next);
  };
  return (
    <button
      type="button"
      class="quiet icon"
      title={`Colours: ${theme === 'auto' ? 'as the system has them' : theme}`}
      aria-label={`Colours: ${theme}`}
      onClick={() => choose(NEXT[theme] ?? 'auto')}
    >
      <svg viewBox="0 0 16 16" width="16" height="16" aria-hidden="true">
        <circle cx="8" cy="8" r="6" fill={theme === 'dark' ? 'currentColor' : 'none'} stroke="currentColor" />
        {theme === 'auto' && <path d="M8 2a6 6 0 0 1 0 12Z" fill="currentColor" />}
      </svg>
    </button>
  );
}
