import { getLog } from './api.js';
import { byId, element, tell } from './dom.js';

const TAIL = 200;
/** More than this is for a file, not for a page. */
const LINES_KEPT = 1000;
const INTERVAL_MS = 2000;

/** Shows the tail of the node's log while the page is visible and following is wanted. */
export function startLog({ isSignedIn, onError }) {
  const level = byId('log-level');
  const showLevel = () => {
    byId('log').dataset.least = level.value;
  };
  let newest = null;
  const refresh = async () => {
    if (!isSignedIn() || document.hidden || !byId('log-follow').checked) return;
    try {
      const lines = await getLog(TAIL);
      tell(byId('log-error'), null);
      // The tail overlaps with what is there already; when it does not, all of it is new.
      append(lines.slice(lines.lastIndexOf(newest) + 1));
      newest = lines.at(-1) ?? newest;
    } catch (error) {
      tell(byId('log-error'), error.status === 0 ? null : error.message);
      onError(error);
    }
  };
  level.addEventListener('change', showLevel);
  byId('log-follow').addEventListener('change', refresh);
  showLevel();
  setInterval(refresh, INTERVAL_MS);
  return refresh;
}

/** What is there stays, so that it can be selected and copied; the view moves on only when it is at the end. */
function append(lines) {
  if (lines.length === 0) return;
  const log = byId('log');
  const atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 40;
  log.append(...lines.map(lineOf));
  while (log.children.length > LINES_KEPT) log.firstChild.remove();
  if (atEnd) log.scrollTop = log.scrollHeight;
}

function lineOf(text) {
  const { time, level = 'info', node: _node, part, msg, ...data } = parse(text);
  const [main, rest] = told(msg ?? '', data);
  return element('p', { className: level }, [
    element('span', { text: typeof time === 'string' ? time.slice(11, 23) : '', className: 'time' }),
    element('span', { text: level, className: 'level' }),
    element('span', { text: part ?? '', className: 'part' }),
    element('span', { className: 'what' }, [
      `${main} `,
      element('span', { text: Object.entries(rest).map(pair).join(' '), className: 'data' }),
    ]),
  ]);
}

/** The two kinds of lines that come often say at once what they are about; the rest of the data follows. */
function told(msg, data) {
  if (msg === 'request' && data.method) {
    const { method, path, status, requestId: _id, ...rest } = data;
    return [`${method} ${path} ${status}`, rest];
  }
  if (msg === 'cluster event' && data.event) {
    const { event, subject, reason, ...rest } = data;
    return [`${event} ${subject}: ${reason}`, rest];
  }
  return [msg, data];
}

function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return { msg: text };
  }
}

const pair = ([key, value]) => `${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`;
