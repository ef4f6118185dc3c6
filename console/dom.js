// Small helpers. Text is always set as text: nothing that a server or a user wrote becomes markup.

export const byId = (id) => document.getElementById(id);

export function element(name, { text, className, label, title } = {}, children = []) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  if (className) made.className = className;
  if (label) made.dataset.label = label;
  if (title) made.title = title;
  made.append(...children);
  return made;
}

/** Shows a message in an element that is hidden while there is none. */
export function tell(target, message) {
  target.hidden = !message;
  if (target.textContent !== (message ?? '')) target.textContent = message ?? '';
}

/** `3 ms`, `1.2 s`, `4 min`, `2 h`, `3 d` */
export function duration(ms) {
  if (ms < 1000) return `${Math.max(0, Math.round(ms))} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(ms < 10_000 ? 1 : 0)} s`;
  if (ms < 3_600_000) return `${Math.floor(ms / 60_000)} min`;
  if (ms < 86_400_000) return `${Math.floor(ms / 3_600_000)} h`;
  return `${Math.floor(ms / 86_400_000)} d`;
}

export const count = (number) => number.toLocaleString('en');
