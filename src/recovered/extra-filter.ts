/**
 * Picks the transactions that the cluster does not have out of what mariadb-binlog prints. Pure: a piece of the output in,
 * what of it is kept out.
 */
import type { LinePiece } from './printed-log.js';

const EVENT = /^# at \d+\n?$/;
const GTID = /^#\d{6} .*\tGTID (\d+-\d+-\d+)/;
/** Events between transactions. */
const BETWEEN = /^#\d{6} .*\t(Start: binlog|Gtid list|Binlog checkpoint|Rotate to|Stop|Ignorable)/;

export class ExtraFilter {
  readonly #isClusters: (gtid: string) => boolean;
  #keeps = false;
  #isHead = false;
  /** `# at N`, whose event is not known yet. */
  #held: string | null = null;
  count = 0;
  first = '';
  last = '';

  constructor(isClusters: (gtid: string) => boolean) {
    this.#isClusters = isClusters;
  }

  /** The text to be kept now; '' = none. */
  take({ text, beginsLine }: LinePiece): string {
    if (beginsLine && EVENT.test(text)) {
      this.#held = text;
      this.#isHead = true;
      return '';
    }
    if (!beginsLine || !this.#isHead) return this.#keeps ? text : '';
    this.#isHead = false;
    const [, gtid] = GTID.exec(text) ?? [];
    if (gtid !== undefined) {
      this.#keeps = !this.#isClusters(gtid);
      if (this.#keeps) this.#count(gtid);
    } else if (BETWEEN.test(text)) this.#keeps = false;
    const held = this.#held ?? '';
    this.#held = null;
    return this.#keeps ? held + text : '';
  }

  #count(gtid: string): void {
    this.count++;
    if (this.first === '') this.first = gtid;
    this.last = gtid;
  }
}

const LIST_BEGINS = /^#\d{6} .*\tGtid list \[/;

/** Finds the GTIDs after which a file of the log begins, one for each server that ever wrote. The list may have several lines. */
export class GtidListReader {
  #list: string | null = null;

  /** Null = not known yet. */
  take({ text, beginsLine }: LinePiece): string[] | null {
    if (this.#list === null) {
      if (!beginsLine || !LIST_BEGINS.test(text)) return null;
      this.#list = text.slice(text.indexOf('\tGtid list ['));
    } else this.#list += text;
    return this.#list.includes(']') ? (this.#list.match(/\d+-\d+-\d+/g) ?? []) : null;
  }
}
