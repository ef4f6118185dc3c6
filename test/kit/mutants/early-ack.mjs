// Mutant: a replica acknowledges what it has received, before it is written and synced.
import { Spool } from '../../../dist/spool/spool.js';

Object.defineProperty(Spool.prototype, 'durable', {
  get() {
    return this.end;
  },
});
const { append } = Spool.prototype;
Spool.prototype.append = function appendAndAcknowledge(bytes) {
  const goOn = append.call(this, bytes);
  this.onDurable.emit(this.end);
  return goOn;
};
