import { useMemo, useState } from 'preact/hooks';
import { useSession } from '../../api/session.js';
import { useEvents } from '../../api/use-events.js';
import { later } from '../../parts/later.js';
import { Message } from '../../parts/message.js';
import { ViewTitle } from '../../parts/view-title.js';
import { mayAskPrimary, maySwitchOver } from '../../state/actions.js';
import { changeText, factsOf, quorumText, verdictOf } from '../../state/status.js';
import { withinReach } from '../../state/ways.js';
import { AddDialog } from './add-dialog.js';
import { BackupDialog } from './backup-dialog.js';
import { EventList } from './event-list.js';
import { MemberTable } from './member-table.js';
import { OutlookPanel } from './outlook-panel.js';
import { SwitchoverDialog } from './switchover-dialog.js';
import { Topology } from './topology.js';

const ChartsPanel = later(() => import('../charts/charts-panel.js').then(({ ChartsPanel }) => ChartsPanel));
const ComparePanel = later(() => import('./compare-panel.js').then(({ ComparePanel }) => ComparePanel));

export function ClusterView() {
  const { api, self, role, cluster, onProblem } = useSession();
  const { look, before, problem, refresh } = cluster;
  const follow = useMemo(() => ({ onEvent: refresh, onProblem }), [refresh, onProblem]);
  const events = useEvents(api, { answers: look !== null && problem === null, node: self, ...follow });
  const [asked, setAsked] = useState<'switchover' | 'add' | 'backup' | null>(null);
  const close = () => setAsked(null);
  if (look === null) return <ClusterLoading />;
  const { status } = look;
  const reach = withinReach(status, look.addresses, { own: location.origin, self });
  const verdict = verdictOf(status);
  const noQuorum = quorumText(status);
  const change = changeText(status);
  return (
    <div id="cluster" class={problem === null ? '' : 'stale'}>
      <section class="panel overview" aria-labelledby="cluster-title">
        <div class="head">
          <ViewTitle id="cluster-title">{status.cluster}</ViewTitle>
          <p id="health" class={`health ${verdict.tone}`} role="status">
            {verdict.text}
          </p>
          {role !== null && maySwitchOver(role, status, reach) && (
            <button type="button" class="quiet" onClick={() => setAsked('switchover')}>
              Switch over ...
            </button>
          )}
        </div>
        <dl id="facts" class="facts">
          {factsOf(status).map(({ name, value }) => (
            <div key={name}>
              <dt>{name}</dt>
              <dd>{value}</dd>
            </div>
          ))}
        </dl>
        {/* Above the messages: what moves in it must not be moved by them. */}
        <Topology look={look} before={before} self={self} />
        {noQuorum !== null && <Message kind="bad">{noQuorum}</Message>}
        {change !== null && <Message kind="note">{change}</Message>}
        <ul id="cluster-warnings" class="warnings" aria-label="Warnings">
          {status.warnings.map((warning) => (
            <li key={warning}>{warning}</li>
          ))}
        </ul>
      </section>
      <OutlookPanel status={status} />
      <ChartsPanel />
      <section class="panel members" aria-labelledby="members-title">
        <div class="head">
          <h3 id="members-title">Members</h3>
          {role === 'admin' && (
            <div class="buttons">
              {mayAskPrimary(role, status, reach) && (
                <button type="button" class="quiet small" onClick={() => setAsked('add')}>
                  Add ...
                </button>
              )}
              <button type="button" class="quiet small" onClick={() => setAsked('backup')}>
                Backup ...
              </button>
            </div>
          )}
        </div>
        <MemberTable look={look} self={self} reach={reach} />
      </section>
      <ComparePanel />
      <section class="panel happened" aria-labelledby="events-title">
        <h3 id="events-title">
          Events <span class="hint">as {self} saw them</span>
        </h3>
        <EventList events={events} />
      </section>
      {asked === 'switchover' && <SwitchoverDialog onClose={close} />}
      {asked === 'add' && <AddDialog onClose={close} />}
      {asked === 'backup' && <BackupDialog onClose={close} />}
    </div>
  );
}

function ClusterLoading() {
  return (
    <section id="cluster" class="panel" aria-labelledby="cluster-title">
      <ViewTitle id="cluster-title">Cluster</ViewTitle>
      <p class="hint">Waiting for the node ...</p>
    </section>
  );
}
