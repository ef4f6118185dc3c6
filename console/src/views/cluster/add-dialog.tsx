import { useRef, useState } from 'preact/hooks';
import type { NewJoinToken } from '../../../../client/src/index.js';
import { useSession } from '../../api/session.js';
import { CopyLine } from '../../parts/copy-line.js';
import { Dialog } from '../../parts/dialog.js';
import { Message, ProblemMessage } from '../../parts/message.js';
import { useAction } from '../../parts/use-action.js';
import { type Joiner, joinCommand, localNotice, newcomers } from '../../state/joining.js';
import { clock } from '../../state/text.js';

const JOINERS: readonly { readonly joiner: Joiner; readonly text: string }[] = [
  { joiner: 'server', text: 'a node with a database server: it is filled, follows, and may lead' },
  { joiner: 'witness', text: 'a witness: it keeps the log and votes, and needs no server' },
];

/** Makes a join token, and shows the line to run on the new machine until that has come. */
export function AddDialog({ onClose }: { onClose(): void }) {
  const { api, onProblem } = useSession();
  const { busy, done, problem, run } = useAction<NewJoinToken>(onProblem);
  const [joiner, setJoiner] = useState<Joiner>('server');
  if (done !== null) return <JoinLine made={done} joiner={joiner} onClose={onClose} />;
  return (
    <Dialog title="Add a member" onClose={onClose}>
      <form
        class="stack"
        onSubmit={(event) => {
          event.preventDefault();
          void run(() => api.members.joinToken());
        }}
      >
        <fieldset class="choice upright">
          <legend>The new machine becomes</legend>
          {JOINERS.map((each) => (
            <label key={each.joiner}>
              <input
                type="radio"
                name="joiner"
                checked={joiner === each.joiner}
                onChange={() => setJoiner(each.joiner)}
              />{' '}
              {each.text}
            </label>
          ))}
        </fieldset>
        {problem !== null && <ProblemMessage problem={problem} />}
        <div class="buttons">
          <button type="button" class="quiet" onClick={onClose}>
            Cancel
          </button>
          <button type="submit" disabled={busy}>
            {busy ? 'Waiting for the answer ...' : 'Make a join token'}
          </button>
        </div>
      </form>
    </Dialog>
  );
}

interface JoinLineProps {
  readonly made: NewJoinToken;
  readonly joiner: Joiner;
  onClose(): void;
}

function JoinLine({ made, joiner, onClose }: JoinLineProps) {
  const { look } = useSession().cluster;
  const before = useRef(look?.status.members.map(({ name }) => name) ?? []);
  const come = look === null ? [] : newcomers(before.current, look.status);
  const notice = localNotice(made);
  return (
    <Dialog title="Add a member" onClose={onClose}>
      <p>
        Run this on the new machine, where Skein is installed. It works once, until {clock(made.expiresAt)}{' '}
        UTC, and is shown only now.
      </p>
      <CopyLine id="join-line" text={joinCommand(made, joiner)} />
      {notice !== null && <Message kind="note">{notice}</Message>}
      <p id="newcomers" role="status" class="hint">
        {come.length === 0 ? 'Nobody has come yet.' : `${come.join(', ')} has joined.`}
      </p>
      <div class="buttons">
        <button type="button" onClick={onClose}>
          Close
        </button>
      </div>
    </Dialog>
  );
}
