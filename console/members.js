import { byId, count, duration, element, linkTo, tell, update } from './dom.js';

const STATE_CLASS = {
  live: 'good',
  joining: 'warn',
  late: 'warn',
  stopped: 'bad',
  stalled: 'bad',
  gone: 'bad',
};
const FLAVOURS = { mariadb: 'MariaDB', mysql: 'MySQL' };

/** Draws GET /v1/cluster. `self` is the name of the node that served the page. */
export function drawMembers(status, self) {
  const { needed, attached } = status.quorum;
  const voters = status.members.filter(({ voter }) => voter).length;
  update(
    byId('facts'),
    [
      ['Name', status.cluster],
      ['Primary', status.primary ?? 'none'],
      ['Quorum', `${attached} of ${voters} attached, ${needed} needed`],
      ['Acknowledge', status.acknowledge],
      ['Epoch', String(status.epoch)],
      ...failoverFacts(status),
    ].map(([name, value]) =>
      element('div', {}, [element('dt', { text: name }), element('dd', { text: value })]),
    ),
  );
  drawHealth(status);
  tell(
    byId('cluster-error'),
    attached < needed ? 'There is no quorum: writes wait until enough nodes are back. Reads go on.' : null,
  );
  update(
    byId('cluster-warnings'),
    status.warnings.map((warning) => element('li', { text: warning })),
  );
  update(
    byId('members').tBodies[0],
    status.members.flatMap((member) => rowsOf(member, self)),
  );
}

function failoverFacts({ primary, failover }) {
  if (!failover) return [];
  const { elected, afterDeathMs, against, last } = failover;
  const who = elected ?? ['nobody', ...against].join('. ');
  const facts = [
    [
      primary === null ? 'Would be elected' : 'Would take over',
      primary === null || elected === null ? who : `${who}, in about ${duration(afterDeathMs)}`,
    ],
  ];
  if (last === null) return facts;
  const pause = last.pauseMs === null ? '' : `, clients waited ${duration(last.pauseMs)}`;
  return [...facts, ['Last failover', `${last.primary} at ${last.servedAt}${pause}`]];
}

function drawHealth({ quorum, primary, members, warnings }) {
  const ill = members.filter(
    ({ state, reason, server, witness }) => state !== 'live' || reason || !(server.up || witness),
  );
  const [text, className] =
    quorum.attached < quorum.needed || primary === null
      ? ['writes wait', 'bad']
      : ill.length === 0
        ? warnings.length === 0
          ? ['all is well', 'good']
          : ['see the warnings', 'warn']
        : [`look at ${ill.map(({ name }) => name).join(', ')}`, 'warn'];
  const health = byId('health');
  health.className = `health ${className}`;
  if (health.textContent !== text) health.textContent = text;
}

function rowsOf(member, self) {
  const { received, durable, committed, applied } = member.positions;
  const isPrimary = member.role === 'primary';
  const cells = [
    ['Node', nodeCell(member, self), 'name'],
    ['Role', [isPrimary ? element('span', { text: 'primary', className: 'badge' }) : member.role]],
    ['State', stateCell(member)],
    ['Lag', [lagText(member)], 'number'],
    ['Received', [count(received)], 'number'],
    ['Durable', [count(durable)], 'number'],
    ['Committed', [count(committed)], 'number'],
    ['Applied', [member.witness ? '–' : count(applied)], 'number'],
    ['Server', member.witness ? ['none'] : serverCell(member.server)],
  ];
  const row = element(
    'tr',
    { className: member.reason ? 'has-reason' : '' },
    cells.map(([label, children, className]) => element('td', { label, className }, children)),
  );
  if (!member.reason) return [row];
  const why = element('td', { text: member.reason });
  why.colSpan = cells.length;
  return [row, element('tr', { className: 'reason' }, [why])];
}

function nodeCell({ name, http }, self) {
  if (name === self)
    return [element('strong', { text: name }), element('span', { text: ' this node', className: 'hint' })];
  return [linkTo(http, name, `The page of ${name}`) ?? element('span', { text: name })];
}

function stateCell({ state, since }) {
  return [
    element('span', { text: state, className: `state ${STATE_CLASS[state] ?? ''}` }),
    element('span', {
      text: since === '' ? '' : ` for ${duration(Date.now() - Date.parse(since))}`,
      className: 'hint',
    }),
  ];
}

/** The primary cannot be behind itself, and a witness executes nothing. */
function lagText({ role, lagMs, witness }) {
  if (role === 'primary' || witness) return '–';
  return lagMs === null ? 'not known' : duration(lagMs);
}

function serverCell({ flavour, version, up }) {
  const number = /^[\d.]+/.exec(version ?? '')?.[0];
  const name = [FLAVOURS[flavour] ?? 'server', number].filter(Boolean).join(' ');
  return [
    element('span', { text: name, title: version ?? '' }),
    element('span', { text: up ? ' up' : ' down', className: up ? 'good' : 'bad' }),
  ];
}
