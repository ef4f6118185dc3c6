/**
 * Parses what mariadb-backup writes to standard error while it takes a snapshot. Pure.
 *
 * It takes the server's backup lock in stages. Each is asked for and then held, until the next one or the end. While
 * BLOCK_COMMIT is asked for or held, commits on the server wait; while BLOCK_DDL is, statements of DDL do.
 */
export type BackupStage = 'START' | 'FLUSH' | 'BLOCK_DDL' | 'BLOCK_COMMIT';

export interface BackupLock {
  readonly stage: BackupStage;
  readonly held: boolean;
}

/** A place in the server's binary log, read under the lock. */
export interface LogPlace {
  readonly file: string;
  readonly offset: number;
}

/** Lines of the end that are kept for error messages. */
const TAIL_LINES = 12;
/** Lines of this kind are printed for each file, and explain nothing. */
const NOISE = /(Streaming|\.\.\.done|is copied successfully|Copied file|^\s*$)/;

const STAGE = /(Starting|Started|Acquired locks for) BACKUP STAGE (START|FLUSH|BLOCK_DDL|BLOCK_COMMIT)\b/;
const UNLOCKED = /All tables unlocked/;
const PLACE = /binlog position: filename '([^']+)', position '(\d+)'/;

export class BackupLog {
  /** The lock that is asked for or held now. */
  lock: BackupLock | null = null;
  place: LogPlace | null = null;
  /** The last line of a program that ended in order. */
  completed = false;
  readonly #tail: string[] = [];
  #rest = '';

  /** Takes text as it arrives; returns true when the lock has changed. */
  push(text: string): boolean {
    const before = this.lock;
    const lines = (this.#rest + text).split('\n');
    this.#rest = lines.pop() ?? '';
    for (const line of lines) this.#line(line);
    return this.lock !== before;
  }

  /** Commits on the server wait for this snapshot. */
  get blocksCommits(): boolean {
    return this.lock?.stage === 'BLOCK_COMMIT';
  }

  /** The last lines that explain something. They contain no secret, because the password is in no argument. */
  get tail(): string {
    return [...this.#tail, this.#rest].filter((line) => line.trim() !== '').join('\n');
  }

  #line(line: string): void {
    if (!NOISE.test(line)) {
      this.#tail.push(line.slice(0, 500));
      if (this.#tail.length > TAIL_LINES) this.#tail.shift();
    }
    const [, what, stage] = STAGE.exec(line) ?? [];
    if (stage) this.lock = { stage: stage as BackupStage, held: what === 'Acquired locks for' };
    if (UNLOCKED.test(line)) this.lock = null;
    const place = PLACE.exec(line);
    if (place) this.place = { file: place[1] ?? '', offset: Number(place[2]) };
    if (/completed OK!\s*$/.test(line)) this.completed = true;
  }
}

/** A program could not write for want of space. */
export function isDiskFull(log: string): boolean {
  return /No space left on device|Errcode: 28\b|errno: 28\b|Disk is full/i.test(log);
}
