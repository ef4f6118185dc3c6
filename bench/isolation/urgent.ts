import { writeFileSync } from 'node:fs';
import { setPriority } from 'node:os';

const NICE = -10;

/**
 * A process that measures goes before those that it measures: what it waits for a core is not theirs. Gives false where that
 * is not permitted. Only for a process that leads a session (it raises the whole of it).
 */
export function becomeUrgent(): boolean {
  try {
    setPriority(NICE);
    // Where the kernel groups processes by session, it is the group's number that counts.
    writeFileSync('/proc/self/autogroup', String(NICE));
    return true;
  } catch (error) {
    // A kernel without groups, where the process's number is all there is.
    return (error as NodeJS.ErrnoException).code === 'ENOENT';
  }
}
