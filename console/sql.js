import { postJson } from './api.js';
import { byId, count, duration, element, tell } from './dom.js';

/** More than this makes the page slow and is not read anyway. */
const ROWS_SHOWN = 500;
const NUMBERS = /^(tinyint|smallint|mediumint|int|bigint|float|double|decimal|year)$/;

export function startSql({ onError }) {
  const form = byId('sql-form');
  const run = byId('run');
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    if (run.disabled) return;
    run.disabled = true;
    byId('sql-summary').textContent = 'running ...';
    try {
      show(await postJson('/v1/sql', requestOf()));
      tell(byId('sql-error'), null);
    } catch (error) {
      byId('sql-summary').textContent = '';
      byId('sql-result').hidden = true;
      tell(byId('sql-error'), explain(error));
      onError(error);
    } finally {
      run.disabled = false;
    }
  });
  byId('sql').addEventListener('keydown', (event) => {
    if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      form.requestSubmit();
    }
  });
}

/** Says on a replica that only reads work there, and where writes do. */
export function drawSqlRole(status, self) {
  const me = status.members.find(({ name }) => name === self);
  const notice = byId('sql-role');
  if (!me || me.role === 'primary') {
    notice.hidden = true;
    return;
  }
  const primary = status.members.find(({ name }) => name === status.primary);
  const text = `${self} is a replica: reads work here, writes do not.`;
  if (notice.dataset.text === text && notice.dataset.primary === (primary?.http ?? '')) return;
  notice.dataset.text = text;
  notice.dataset.primary = primary?.http ?? '';
  notice.replaceChildren(text);
  if (primary && /^https?:\/\//.test(primary.http)) {
    const link = element('a', { text: `Write on ${primary.name}` });
    link.href = primary.http;
    notice.append(' ', link, '.');
  }
  notice.hidden = false;
}

function requestOf() {
  const database = byId('database').value.trim();
  const after = byId('after').value.trim();
  return {
    sql: byId('sql').value.trim().replace(/;$/, ''),
    ...(database ? { database } : {}),
    ...(after ? { read: { level: 'session', after } } : {}),
  };
}

function show(answer) {
  const result = answer.results[0];
  const target = byId('sql-result');
  const hasRows = result.columns.length > 0;
  const did = hasRows
    ? `${count(result.rowCount)} ${result.rowCount === 1 ? 'row' : 'rows'}`
    : `${count(result.affectedRows)} affected${result.insertId ? `, insert id ${result.insertId}` : ''}`;
  const warnings = result.warnings > 0 ? [`${result.warnings} warnings`] : [];
  byId('sql-summary').textContent = [
    did,
    ...warnings,
    duration(answer.durationMs),
    `${answer.node} (${answer.role})`,
    `position ${answer.position}`,
    ...(result.rows.length > ROWS_SHOWN ? [`the first ${ROWS_SHOWN} are shown`] : []),
  ].join(' · ');
  target.hidden = !hasRows;
  target.replaceChildren(...(hasRows ? [tableOf(result)] : []));
}

function tableOf({ columns, rows }) {
  const classes = columns.map(({ type }) => (NUMBERS.test(type) ? 'number' : ''));
  const heads = columns.map(({ name, type }, at) => {
    const head = element('th', { text: name, className: classes[at], title: type });
    head.scope = 'col';
    return head;
  });
  const lines = rows.slice(0, ROWS_SHOWN).map((row) =>
    element(
      'tr',
      {},
      row.map((value, at) => cellOf(value, classes[at])),
    ),
  );
  return element('table', {}, [
    element('thead', {}, [element('tr', {}, heads)]),
    element('tbody', {}, lines),
  ]);
}

function cellOf(value, className) {
  if (value === null) return element('td', { text: 'NULL', className: `${className} null` });
  return element('td', {
    text: typeof value === 'object' ? JSON.stringify(value) : String(value),
    className,
  });
}

function explain(error) {
  const applied = {
    no: ' Nothing was changed.',
    unknown: ' Whether it was done is not known; look before you repeat it.',
    partial: ' A part of it was done.',
  };
  const primary = error.primary ? ` The primary is at ${error.primary}.` : '';
  return `${error.code ? `${error.code}: ` : ''}${error.message}${primary}${applied[error.applied] ?? ''}`;
}
