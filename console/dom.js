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

/** Null for an address that is not HTTP: what a node says never becomes another kind of link. */
export function linkTo(address, text, title) {
  if (!/^https?:\/\//.test(address ?? '')) return null;
  const link = element('a', { text, title });
  link.href = address;
  return link;
}

/** Shows a message in an element that is hidden while there is none. */
export function tell(target, message) {
  target.hidden = !message;
  if (target.textContent !== (message ?? '')) target.textContent = message ?? '';
}

/**
 * Makes the children of `parent` look like `wanted`, and touches only what differs: what has the focus, or is selected
 * to be copied, stays as it is while numbers beside it change.
 */
export function update(parent, wanted) {
  const present = [...parent.childNodes];
  for (const [at, node] of wanted.entries()) {
    const old = present[at];
    if (old === undefined) parent.append(node);
    else if (!old.isEqualNode(node)) replaceOrUpdate(old, node);
  }
  for (const old of present.slice(wanted.length)) old.remove();
}

function replaceOrUpdate(old, node) {
  const alike = old.nodeName === node.nodeName && old.children?.length > 0 && node.children?.length > 0;
  if (!alike || !old.cloneNode(false).isEqualNode(node.cloneNode(false))) old.replaceWith(node);
  else update(old, [...node.childNodes]);
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
