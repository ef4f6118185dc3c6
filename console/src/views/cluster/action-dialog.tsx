import type { ClusterStatus } from '../../../../client/src/index.js';
import type { NodeApi } from '../../api/node-api.js';
import { useSession } from '../../api/session.js';
import { Dialog } from '../../parts/dialog.js';
import { ProblemMessage } from '../../parts/message.js';
import { TypedConfirmation } from '../../parts/typed-confirmation.js';
import { useAction } from '../../parts/use-action.js';
import type { MemberAction } from '../../state/actions.js';
import { removalText } from '../../state/joining.js';

interface Deed {
  readonly title: string;
  readonly text: string;
  readonly button: string;
  readonly done: string;
  /** What it means here. */
  about?(status: ClusterStatus, name: string): string;
  order(api: NodeApi, name: string): Promise<unknown>;
}

const DEEDS: Readonly<Record<MemberAction, Deed>> = {
  'maintenance-on': {
    title: 'Begin maintenance',
    text: 'The node hands the lead over if it has it, keeps none, and no other node is filled from it. It goes on following.',
    button: 'Begin maintenance',
    done: 'is in maintenance.',
    order: (api, name) => api.maintain(name, true),
  },
  'maintenance-off': {
    title: 'End maintenance',
    text: 'The node may be elected again, and other nodes may be filled from it.',
    button: 'End maintenance',
    done: 'is no longer in maintenance.',
    order: (api, name) => api.maintain(name, false),
  },
  reseed: {
    title: 'Seed anew',
    text: 'The data of this server is replaced by that of another node. Until that is done the node serves nothing.',
    button: 'Replace its data',
    done: 'is being filled. The table of the members shows how far it is.',
    order: (api, name) => api.reseed(name),
  },
  'cancel-reseed': {
    title: 'Cancel seeding',
    text: 'The filling of this node ends, and it keeps the data that it has.',
    button: 'Cancel seeding',
    done: 'is no longer being filled.',
    order: (api, name) => api.cancelReseed(name),
  },
  remove: {
    title: 'Remove',
    text: 'The node keeps its data, and stops following. It can join again later, as a new member.',
    about: removalText,
    button: 'Remove it from the cluster',
    done: 'is no longer a member.',
    order: (api, name) => api.members.remove(name),
  },
};

interface ActionDialogProps {
  readonly member: string;
  readonly action: MemberAction;
  onClose(): void;
}

export function ActionDialog({ member, action, onClose }: ActionDialogProps) {
  const { api, cluster, onProblem } = useSession();
  const { busy, done, problem, run } = useAction<unknown>(onProblem);
  const deed = DEEDS[action];
  return (
    <Dialog title={`${deed.title}: ${member}`} onClose={onClose}>
      {done !== null ? (
        <>
          <p role="status">
            {member} {deed.done}
          </p>
          <div class="buttons">
            <button type="button" onClick={onClose}>
              Close
            </button>
          </div>
        </>
      ) : (
        <>
          <p class="hint">{deed.text}</p>
          {deed.about && cluster.look && <p>{deed.about(cluster.look.status, member)}</p>}
          {problem !== null && <ProblemMessage problem={problem} />}
          <TypedConfirmation
            word={member}
            button={deed.button}
            busy={busy}
            onCancel={onClose}
            onConfirm={() => void run(() => deed.order(api, member)).then(cluster.refresh)}
          />
        </>
      )}
    </Dialog>
  );
}
