import { useState } from 'preact/hooks';
import type { Switchover } from '../../../../client/src/index.js';
import { useSession } from '../../api/session.js';
import { Dialog } from '../../parts/dialog.js';
import { ProblemMessage } from '../../parts/message.js';
import { TypedConfirmation } from '../../parts/typed-confirmation.js';
import { useAction } from '../../parts/use-action.js';
import { targetsOf } from '../../state/actions.js';
import { duration } from '../../state/text.js';

/** First who would take over and why not the others, then the name typed, then the switchover. */
export function SwitchoverDialog({ onClose }: { onClose(): void }) {
  const { api, cluster, onProblem } = useSession();
  const [wanted, setWanted] = useState('');
  const dryRun = useAction<Switchover>(onProblem);
  const switchover = useAction<Switchover>(onProblem);
  const targets = cluster.look ? targetsOf(cluster.look.status) : [];
  const order = wanted === '' ? {} : { to: wanted };
  const next = dryRun.done?.to ?? null;
  if (switchover.done !== null) {
    const { to, from, pauseMs, epoch } = switchover.done;
    const pause = pauseMs === null ? '' : ` No primary took writes for ${duration(pauseMs)}.`;
    return (
      <Dialog title="Switch over" onClose={onClose}>
        <p role="status">
          {to} is the primary now, in epoch {epoch}; {from} follows it.{pause}
        </p>
        <div class="buttons">
          <button type="button" onClick={onClose}>
            Close
          </button>
        </div>
      </Dialog>
    );
  }
  return (
    <Dialog title="Switch over" onClose={onClose}>
      <p class="hint">
        Another node becomes the primary, in order: writes wait for a moment, and none is lost.
      </p>
      <form
        class="row"
        onSubmit={(event) => {
          event.preventDefault();
          void dryRun.run(() => api.switchOver({ ...order, dryRun: true }));
        }}
      >
        <label class="grow">
          Next primary
          <select value={wanted} onChange={(event) => setWanted(event.currentTarget.value)}>
            <option value="">the node that suits best</option>
            {targets.map(({ name }) => (
              <option key={name}>{name}</option>
            ))}
          </select>
        </label>
        <button type="submit" class="quiet" disabled={dryRun.busy || switchover.busy}>
          Dry run
        </button>
      </form>
      {dryRun.problem !== null && <ProblemMessage problem={dryRun.problem} />}
      {dryRun.done !== null && (
        <div id="dry-run" role="status">
          <p>
            {next === null
              ? 'Nobody can take over now.'
              : `${next} would take over from ${dryRun.done.from}.`}
          </p>
          <ul class="against">
            {dryRun.done.against.map((sentence) => (
              <li key={sentence}>{sentence}</li>
            ))}
          </ul>
        </div>
      )}
      {switchover.problem !== null && <ProblemMessage problem={switchover.problem} />}
      {next === null ? (
        <div class="buttons">
          <button type="button" class="quiet" onClick={onClose}>
            Cancel
          </button>
        </div>
      ) : (
        <TypedConfirmation
          word={next}
          button="Switch over"
          busy={switchover.busy}
          onCancel={onClose}
          onConfirm={() => void switchover.run(() => api.switchOver({ to: next }))}
        />
      )}
    </Dialog>
  );
}
