import { byId, count, duration, element, tell } from './dom.js';

const STATE_CLASS = { live: 'good', joining: 'warn', late: 'warn', gone: 'bad' };

/** Draws GET /v1/cluster. `self` is the name of the node that served the page. */
export function drawMembers(status, self) {
  const { needed, attached } = status.quorum;
  byId('cluster-summary').textContent = [
    status.cluster,
    `epoch ${status.epoch}`,
    `primary ${status.primary ?? 'none'}`,
    `acknowledge ${status.acknowledge}`,
    `quorum: ${attached} attached, ${needed} needed`,
  ].join(' · ');
  tell(
    byId('cluster-error'),
    attached < needed ? 'There is no quorum: writes wait until enough nodes are back. Reads go on.' : null,
  );
  byId('members').tBodies[0].replaceChildren(...status.members.flatMap((member) => rowsOf(member, self)));
}

function rowsOf(member, self) {
  const { received, durable, committed, applied } = member.positions;
  const cells = [
    ['Node', [nodeLink(member, self)]],
    ['Role', [member.role]],
    [
      'State',
      [element('span', { text: member.state, className: `state ${STATE_CLASS[member.state] ?? ''}` })],
    ],
    ['Lag', [member.lagMs === null ? 'not known' : duration(member.lagMs)], 'number'],
    ['Received', [count(received)], 'number'],
    ['Durable', [count(durable)], 'number'],
    ['Committed', [count(committed)], 'number'],
    ['Applied', [count(applied)], 'number'],
    ['Server', [serverText(member.server)]],
    ['Since', [duration(Date.now() - Date.parse(member.since))]],
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

function nodeLink({ name, http }, self) {
  if (name === self) return element('strong', { text: `${name} (this node)` });
  if (!/^https?:\/\//.test(http)) return element('span', { text: name });
  const link = element('a', { text: name, title: `The page of ${name}` });
  link.href = http;
  return link;
}

function serverText({ flavour, version, up }) {
  const number = /^[\d.]+/.exec(version ?? '')?.[0];
  const name = element('span', {
    text: [flavour ?? 'server', number].filter(Boolean).join(' '),
    title: version ?? '',
  });
  return element('span', {}, [
    name,
    ' ',
    element('span', { text: up ? 'up' : 'down', className: up ? 'good' : 'bad' }),
  ]);
}
