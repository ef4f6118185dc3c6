import { useSession } from '../../api/session.js';
import { CopyLine } from '../../parts/copy-line.js';
import { Dialog } from '../../parts/dialog.js';

/** A backup is made on the command line: that checks it while it comes, which a download by a browser does not. */
export function BackupDialog({ onClose }: { onClose(): void }) {
  const { cluster } = useSession();
  const addresses = cluster.look?.addresses ?? new Map<string, string>();
  const url = addresses.get(cluster.look?.status.primary ?? '') ?? location.origin;
  return (
    <Dialog title="Make a backup" onClose={onClose}>
      <p>
        Run this where the backup is to be kept, with a token of the role admin in SKEIN_TOKEN. A replica is
        copied while the cluster goes on; the file is checked while it arrives, and gets its name when it is
        whole.
      </p>
      <CopyLine id="backup-line" text={`SKEIN_URL=${url} skein backup /backups`} />
      <p class="hint">
        <code>skein backup verify</code> checks it again at any time, and <code>skein restore</code> makes a
        new cluster from it.
      </p>
      <div class="buttons">
        <button type="button" onClick={onClose}>
          Close
        </button>
      </div>
    </Dialog>
  );
}
