/** Verifies an audit trail: is every line there, unchanged, and in its place? */
import { createHash, type KeyObject } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { HEAD_FILE, type HeadRead, readHead } from './head-file.js';
import { type AuditLine, auditFiles, firstSeqOf, macOf, NO_MAC, parseLine } from './sealed-line.js';

export interface AuditFault {
  readonly file: string;
  /** Counted from 1; 0 = the file as a whole. */
  readonly line: number;
  readonly message: string;
}

export interface AuditVerdict {
  readonly ok: boolean;
  readonly files: number;
  readonly lines: number;
  /** Numbers of the first and the last line. */
  readonly from: number;
  readonly to: number;
  /** The trail was changed. */
  readonly faults: readonly AuditFault[];
  /** Harmless findings: a crash, a full disk, files removed by rotation. */
  readonly notes: readonly AuditFault[];
}

/** A trail that was rewritten from one end to the other has a fault in each line. */
const FAULTS_MAX = 1000;

export async function verifyTrail(directory: string, key: KeyObject): Promise<AuditVerdict> {
  // Read before the lines: the node may be writing.
  const judge = new Judge(key, await readHead(directory));
  const names = auditFiles(await readdir(directory));
  for (const name of names) judge.file(name, await readFile(join(directory, name)));
  judge.end(names.at(-1) ?? '');
  return { ...judge.verdict(), files: names.length };
}

class Judge {
  readonly #key: KeyObject;
  readonly #faults: AuditFault[] = [];
  readonly #notes: AuditFault[] = [];
  #lines = 0;
  #from = 0;
  #expected: number | null = null;
  #mac: string | null = null;
  #purgedTo = 0;
  /** The trail's end at some time, written beside it. */
  readonly #head: HeadRead;
  readonly #headSeq: number | null;
  /** The code of the line that the head names. */
  #headMac: string | null = null;
  #firstFile = '';
  /** A line that cannot be read; the next line may say that a crash has cut it. */
  #unread: { file: string; line: number; bytes: Buffer } | null = null;

  constructor(key: KeyObject, head: HeadRead) {
    this.#key = key;
    this.#head = head;
    this.#headSeq = head.kind === 'found' ? head.value.seq : null;
  }

  file(name: string, bytes: Buffer): void {
    const first = firstSeqOf(name) ?? 0;
    if (this.#expected === null) {
      this.#firstFile = name;
      this.#from = first;
    } else if (first > this.#expected) {
      this.#fault(
        name,
        0,
        `lines ${this.#expected} to ${first - 1} are missing before this file: a file was removed`,
      );
      this.#mac = null;
    }
    this.#expected = Math.max(first, this.#expected ?? 0);
    let line = 0;
    for (let at = 0; at < bytes.length; ) {
      line++;
      const end = bytes.indexOf(0x0a, at);
      this.#line(name, line, bytes.subarray(at, end < 0 ? bytes.length : end), end < 0);
      at = end < 0 ? bytes.length : end + 1;
    }
    if (line === 0) this.#note(name, 0, 'the file is empty: a crash when it was created');
  }

  #line(file: string, number: number, bytes: Buffer, isOpen: boolean): void {
    const text = bytes.toString('utf8');
    const parsed = isOpen ? null : parseLine(text);
    if (parsed === null) {
      this.#settleUnread();
      this.#unread = { file, line: number, bytes };
      if (isOpen) this.#settleUnread('the last line is incomplete: a crash, or the node is writing it now');
      return;
    }
    this.#lines++;
    this.#explain(parsed.line);
    this.#place(file, number, parsed.line, parsed.inner);
  }

  /** The line after one that cannot be read. */
  #explain(next: AuditLine): void {
    const unread = this.#unread;
    if (!unread) return;
    const sha256 = createHash('sha256').update(unread.bytes).digest('hex');
    const isTorn = next.kind === 'torn' && next.sha256 === sha256;
    this.#settleUnread(
      isTorn ? 'a crash cut this line; the node recorded that at its next start' : undefined,
    );
  }

  #settleUnread(harmless?: string): void {
    const unread = this.#unread;
    this.#unread = null;
    if (!unread) return;
    if (harmless) this.#note(unread.file, unread.line, harmless);
    else
      this.#fault(
        unread.file,
        unread.line,
        'this is not a line of an audit trail: it was changed or inserted',
      );
  }

  #place(file: string, number: number, line: AuditLine, inner: string): void {
    const expected = this.#expected ?? line.seq;
    if (line.seq < expected) {
      this.#fault(file, number, `number ${line.seq} is out of its order (${expected} is expected)`);
      return;
    }
    let previous = this.#mac;
    if (line.seq > expected) {
      const missing =
        line.seq - 1 === expected ? `line ${expected} is` : `lines ${expected} to ${line.seq - 1} are`;
      this.#fault(file, number, `${missing} missing before this one`);
      previous = null;
    }
    if (previous === null && line.seq === 1) previous = NO_MAC;
    if (previous === null && line.kind === 'file' && typeof line.previous === 'string')
      previous = line.previous;
    if (previous !== null && macOf(this.#key, previous, inner) !== line.mac) {
      this.#fault(file, number, `line number ${line.seq}, or the line before it, was changed`);
    }
    if (line.kind === 'purge') this.#purged(line);
    if (line.kind === 'lost')
      this.#note(file, number, `${line.lines} lines could not be written (disk full?)`);
    if (line.seq === this.#headSeq) this.#headMac = line.mac;
    this.#expected = line.seq + 1;
    this.#mac = line.mac;
  }

  #purged(line: AuditLine): void {
    const { to } = line.lines as { to?: unknown };
    if (typeof to === 'number') this.#purgedTo = Math.max(this.#purgedTo, to);
  }

  end(lastFile: string): void {
    this.#settleUnread();
    const last = (this.#expected ?? 1) - 1;
    if (this.#lines > 0 && this.#from > this.#purgedTo + 1) {
      const text = `lines ${this.#purgedTo + 1} to ${this.#from - 1} are missing: older files were removed, but not by rotation`;
      this.#fault(this.#firstFile, 0, text);
    } else if (this.#from > 1) {
      this.#note(this.#firstFile, 0, `lines 1 to ${this.#from - 1} were removed by rotation, as configured`);
    }
    this.#judgeHead(lastFile, last);
  }

  #judgeHead(lastFile: string, last: number): void {
    const head = this.#head;
    if (head.kind === 'damaged') {
      this.#fault(
        HEAD_FILE,
        0,
        `it was changed or damaged (${head.reason}), so missing lines at the end cannot be detected`,
      );
    } else if (head.kind === 'missing') {
      // It is written five seconds after the first line.
      this.#note(HEAD_FILE, 0, 'it does not exist, so missing lines at the end cannot be detected');
    } else if (head.value.seq > last) {
      this.#fault(lastFile, 0, `lines ${last + 1} to ${head.value.seq} are missing at the end`);
    } else if (this.#headMac !== null && this.#headMac !== head.value.mac) {
      this.#fault(HEAD_FILE, 0, `its code for line ${head.value.seq} does not match that line`);
    }
  }

  verdict(): Omit<AuditVerdict, 'files'> {
    return {
      ok: this.#faults.length === 0,
      lines: this.#lines,
      from: this.#from,
      to: (this.#expected ?? 1) - 1,
      faults: this.#faults.slice(0, FAULTS_MAX),
      notes: this.#notes,
    };
  }

  #fault(file: string, line: number, message: string): void {
    this.#faults.push({ file, line, message });
  }

  #note(file: string, line: number, message: string): void {
    this.#notes.push({ file, line, message });
  }
}
