import { postJson } from './api.js';
import { byId, count, duration, element, linkTo, update } from './dom.js';

/** More than this makes the page slow and is not read anyway. */
const ROWS_SHOWN = 500;
/** A short statement is over before anybody could read that it runs. */
const TELL_AFTER_MS = 300;
const BINARY = /^(bit|binary|varbinary|blob|geometry)$/;
/** Of a binary value, enough to recognise it. */
const BYTES_SHOWN = 64;
const NUMBERS = /^(tinyint|smallint|mediumint|int|bigint|float|double|decimal|year)$/;

export function startSql({ onError }) {
  const form = byId('sql-form');
  const run = byId('run');
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    if (run.disabled) return;
    run.disabled = true;
    const running = setTimeout(() => {
      byId('sql-summary').textContent = 'running ...';
    }, TELL_AFTER_MS);
    try {
      show(await postJson('/v1/sql', requestOf()));
      byId('sql-error').hidden = true;
    } catch (error) {
      showError(error);
      onError(error);
    } finally {
      clearTimeout(running);
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
  const link = linkTo(primary?.http, `Write on ${primary?.name}`);
  update(notice, [
    document.createTextNode(
      me.witness
        ? `${self} is a witness: it has no database server, so no statement works here. `
        : `${self} is a replica: reads work here, writes do not. `,
    ),
    ...(link ? [link] : []),
  ]);
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
      row.map((value, at) => cellOf(value, columns[at].type, classes[at])),
    ),
  );
  return element('table', {}, [
    element('thead', {}, [element('tr', {}, heads)]),
    element('tbody', {}, lines),
  ]);
}

function cellOf(value, type, className) {
  if (value === null) return element('td', { text: 'NULL', className: `${className} null` });
  if (BINARY.test(type)) return element('td', { text: hexOf(value), className });
  const text = typeof value === 'object' || type === 'json' ? JSON.stringify(value) : String(value);
  return element('td', { text, className });
}

/** Bytes come as base64; people know them by their hexadecimal digits, and SQL takes them so. */
function hexOf(base64) {
  const bytes = atob(base64);
  const digits = [...bytes.slice(0, BYTES_SHOWN)].map((byte) =>
    byte.charCodeAt(0).toString(16).padStart(2, '0'),
  );
  const more = bytes.length > BYTES_SHOWN ? ` ... (${count(bytes.length)} bytes)` : '';
  return bytes.length === 0 ? '(no bytes)' : `0x${digits.join('')}${more}`;
}

const APPLIED = {
  no: 'Nothing was changed.',
  unknown: 'It is not known whether it was done. Check before you repeat it.',
  partial: 'Part of it was done.',
};

function showError(error) {
  byId('sql-summary').textContent = '';
  byId('sql-result').hidden = true;
  const target = byId('sql-error');
  // What only has to be asked somewhere else is no failure.
  target.className = `message ${error.status === 421 ? 'caution' : 'bad'}`;
  const link = error.message.includes(location.origin) ? null : linkTo(error.primary, 'Open its page');
  target.replaceChildren(
    [error.message, APPLIED[error.applied]].filter(Boolean).join(' '),
    ...(link ? [' ', link, '.'] : []),
    ...(error.code ? [element('code', { text: error.code, className: 'code' })] : []),
  );
  target.hidden = false;
}
