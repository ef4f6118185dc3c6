import { useState } from 'preact/hooks';
import type { Member } from '../../../../client/src/index.js';
import { useSession } from '../../api/session.js';
import type { Look } from '../../api/use-cluster.js';
import { StateMark } from '../../parts/mark.js';
import { actionsOf, type MemberAction } from '../../state/actions.js';
import { type MemberRow, rowOf } from '../../state/members.js';
import { ActionDialog } from './action-dialog.js';

const HEADS: readonly { readonly text: string; readonly title?: string; readonly number?: true }[] = [
  { text: 'Node' },
  { text: 'Role' },
  { text: 'State' },
  { text: 'Lag', title: 'Age of the oldest transaction that it has not applied yet', number: true },
  { text: 'Received', title: 'Transactions that reached the node', number: true },
  { text: 'Durable', title: 'Of these, safe on its disk', number: true },
  { text: 'Committed', title: 'Of these, safe on a majority of nodes', number: true },
  { text: 'Applied', title: 'Of these, executed by its server', number: true },
  { text: 'Server' },
];

const ACTION_TEXTS: Readonly<Record<MemberAction, string>> = {
  'maintenance-on': 'Maintenance ...',
  'maintenance-off': 'End maintenance ...',
  reseed: 'Seed anew ...',
  'cancel-reseed': 'Cancel seeding ...',
  remove: 'Remove ...',
};

interface MemberTableProps {
  readonly look: Look;
  readonly self: string;
  /** Members that orders of this page reach. */
  readonly reach: ReadonlySet<string>;
}

export function MemberTable({ look, self, reach }: MemberTableProps) {
  const { role } = useSession();
  const [asked, setAsked] = useState<{ member: string; action: MemberAction } | null>(null);
  const { status, atMs } = look;
  const actions = new Map(
    status.members.map((member) => [
      member.name,
      role === null ? [] : actionsOf(role, member, status, reach),
    ]),
  );
  const hasActions = [...actions.values()].some((list) => list.length > 0);
  return (
    <>
      <table id="members" class={hasActions ? 'with-actions' : ''}>
        <caption class="unseen">Members of the cluster</caption>
        <thead>
          <tr>
            {HEADS.map(({ text, title, number }) => (
              <th key={text} scope="col" class={number ? 'number' : ''}>
                {title === undefined ? text : <abbr title={title}>{text}</abbr>}
              </th>
            ))}
            {hasActions && (
              <th scope="col">
                <span class="unseen">Actions</span>
              </th>
            )}
          </tr>
        </thead>
        {status.members.map((member: Member) => (
          <Row
            key={member.name}
            row={rowOf(member, self, atMs)}
            actions={hasActions ? (actions.get(member.name) ?? []) : null}
            onAction={(action) => setAsked({ member: member.name, action })}
          />
        ))}
      </table>
      {asked !== null && <ActionDialog {...asked} onClose={() => setAsked(null)} />}
    </>
  );
}

interface RowProps {
  readonly row: MemberRow;
  /** Null: no member can be given an order by this page, and the table has no column for them. */
  readonly actions: readonly MemberAction[] | null;
  onAction(action: MemberAction): void;
}

function Row({ row, actions, onAction }: RowProps) {
  const { name, isSelf, link, notes, server } = row;
  return (
    <tbody>
      <tr>
        <td data-label="Node" class="name">
          {isSelf ? (
            <>
              <strong>{name}</strong>
              <span class="hint"> this node</span>
            </>
          ) : link === null ? (
            name
          ) : (
            <a href={link} title={`The page of ${name}`}>
              {name}
            </a>
          )}
        </td>
        <td data-label="Role">{row.isPrimary ? <span class="chip lead">primary</span> : row.role}</td>
        <td data-label="State">
          <StateMark state={row.state} tone={row.tone} />
          <span class="hint"> {row.since}</span>
        </td>
        <td data-label="Lag" class="number">
          {row.lag}
        </td>
        <td data-label="Received" class="number">
          {row.received}
        </td>
        <td data-label="Durable" class="number">
          {row.durable}
        </td>
        <td data-label="Committed" class="number">
          {row.committed}
        </td>
        <td data-label="Applied" class="number">
          {row.applied}
        </td>
        <td data-label="Server">
          <span title={server.version}>{server.text}</span>
          {server.up !== null && <span class={server.up ? 'good' : 'bad'}> {server.up ? 'up' : 'down'}</span>}
        </td>
        {actions !== null && (
          <td class="actions">
            {actions.map((action) => (
              <button key={action} type="button" class="quiet small" onClick={() => onAction(action)}>
                {ACTION_TEXTS[action]}
                <span class="unseen"> of {name}</span>
              </button>
            ))}
          </td>
        )}
      </tr>
      {notes.length > 0 && (
        <tr class="notes">
          <td colSpan={HEADS.length + (actions === null ? 0 : 1)}>
            {notes.map((note) => (
              <p key={note}>{note}</p>
            ))}
          </td>
        </tr>
      )}
    </tbody>
  );
}
