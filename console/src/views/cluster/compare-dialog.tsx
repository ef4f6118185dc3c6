import { useState } from 'preact/hooks';
import { useSession } from '../../api/session.js';
import { Dialog } from '../../parts/dialog.js';
import { ProblemMessage } from '../../parts/message.js';
import { TypedConfirmation } from '../../parts/typed-confirmation.js';
import { useAction } from '../../parts/use-action.js';
import { orderOf } from '../../state/verify.js';

interface CompareDialogProps {
  readonly repair: boolean;
  onClose(): void;
}

/** Asks what is to be compared. A repair replaces rows of replicas, so the name of the cluster has to be typed. */
export function CompareDialog({ repair, onClose }: CompareDialogProps) {
  const { api, cluster, onProblem } = useSession();
  const { busy, problem, run } = useAction<void>(onProblem);
  const [place, setPlace] = useState({ database: '', table: '' });
  const [wrong, setWrong] = useState<string | null>(null);
  const submit = () => {
    const order = orderOf(place, repair);
    setWrong('wrong' in order ? order.wrong : null);
    if ('wrong' in order || busy) return;
    void run(async () => {
      await api.members.compare(order);
      onClose();
    });
  };
  const fields = (
    <>
      <div class="row">
        {(['database', 'table'] as const).map((name) => (
          <label key={name} class="grow">
            {name === 'database' ? 'Database' : 'Table'}
            <input
              type="text"
              placeholder="all"
              maxLength={64}
              autocomplete="off"
              spellcheck={false}
              value={place[name]}
              onInput={(event) => setPlace({ ...place, [name]: event.currentTarget.value })}
            />
          </label>
        ))}
      </div>
      <p class="wrong" role="alert">
        {wrong}
      </p>
      {problem !== null && <ProblemMessage problem={problem} />}
    </>
  );
  if (!repair)
    return (
      <Dialog title="Compare the rows" onClose={onClose}>
        <p class="hint">
          Every node adds up its rows at one position, while writes go on. The load is kept low.
        </p>
        <form
          class="stack"
          onSubmit={(event) => {
            event.preventDefault();
            submit();
          }}
        >
          {fields}
          <div class="buttons">
            <button type="button" class="quiet" onClick={onClose}>
              Cancel
            </button>
            <button type="submit" disabled={busy}>
              {busy ? 'Waiting for the answer ...' : 'Compare'}
            </button>
          </div>
        </form>
      </Dialog>
    );
  return (
    <Dialog title="Repair differing rows" onClose={onClose}>
      <p class="hint">
        The rows are compared again. Where a replica differs, its rows are replaced by those of the primary.
      </p>
      <TypedConfirmation
        word={cluster.look?.status.cluster ?? ''}
        button="Compare and repair"
        busy={busy}
        onCancel={onClose}
        onConfirm={submit}
      >
        {fields}
      </TypedConfirmation>
    </Dialog>
  );
}
