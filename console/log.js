import { getLog } from './api.js';
import { byId, element, tell } from './dom.js';

const TAIL = 200;
const INTERVAL_MS = 2000;
const LEVELS = ['debug', 'info', 'warn', 'error'];
const LEVEL_CLASS = { debug: 'quietly', info: '', warn: 'warn', error: 'bad' };

/** Shows the tail of the node's log while the page is visible and following is wanted. */
export function startLog({ isSignedIn, onError }) {
  let lines = [];
  const draw = () => drawLines(lines);
  const refresh = async () => {
    if (!isSignedIn() || document.hidden || !byId('log-follow').checked) return;
    try {
      lines = await getLog(TAIL);
      tell(byId('log-error'), null);
      draw();
    } catch (error) {
      tell(byId('log-error'), error.status === 0 ? null : error.message);
      onError(error);
    }
  };
  byId('log-level').addEventListener('change', draw);
  byId('log-follow').addEventListener('change', refresh);
  setInterval(refresh, INTERVAL_MS);
  return refresh;
}

function drawLines(lines) {
  const log = byId('log');
  const least = LEVELS.indexOf(byId('log-level').value);
  const atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 40;
  log.replaceChildren(...lines.filter(({ level }) => LEVELS.indexOf(level) >= least).map(lineOf));
  if (atEnd) log.scrollTop = log.scrollHeight;
}

function lineOf({ time, level, node: _node, part, msg, ...data }) {
  const clock = typeof time === 'string' ? time.slice(11, 23) : '';
  return element('p', { className: LEVEL_CLASS[level] ?? '' }, [
    element('span', { text: `${clock} ${String(level).padEnd(5)} `, className: 'quietly' }),
    `${part ? `[${part}] ` : ''}${msg ?? ''} `,
    element('span', { text: Object.entries(data).map(pair).join(' '), className: 'quietly' }),
  ]);
}

const pair = ([key, value]) => `${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`;
