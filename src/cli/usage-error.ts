import { SkeinError } from '../model/error.js';

/** The command line itself is wrong: exit code 2, and the message says what to type instead. */
export class UsageError extends SkeinError {
  constructor(message: string) {
    super('USAGE', message);
  }
}
