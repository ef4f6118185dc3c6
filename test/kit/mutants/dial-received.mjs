// Mutant: the semi-sync dump is dialled from what was received, instead of one group before what a quorum has (rule C2).
import { PrimaryRole } from '../../../dist/roles/primary/primary-role.js';

const { positionAt } = PrimaryRole.prototype;
PrimaryRole.prototype.positionAt = function received() {
  return positionAt.call(this, this.received);
};
