/**
 * Picks the transactions that the cluster does not have out of what mariadb-binlog prints. Pure: a line in, whether it
 * belongs to one of them out.
 */
const EVENT = /^# at \d+$/;
const GTID = /^#\d{6} .*\tGTID (\d+-\d+-\d+)/;
/** Events between transactions. */
const BETWEEN = /^#\d{6} .*\t(Start: binlog|Gtid list|Binlog checkpoint|Rotate to|Stop|Ignorable)/;
const GTID_LIST = /\tGtid list \[(.*)\]/;

export class ExtraFilter {
  readonly #isClusters: (gtid: string) => boolean;
  #keeps = false;
  #isHead = false;
  /** `# at N`, whose event is not known yet. */
  #held: string | null = null;
  readonly gtids: string[] = [];

  constructor(isClusters: (gtid: string) => boolean) {
    this.#isClusters = isClusters;
  }

  /** The lines to be kept now, mostly this one or none. */
  take(line: string): string[] {
    if (EVENT.test(line)) {
      this.#held = line;
      this.#isHead = true;
      return [];
    }
    if (this.#isHead) {
      this.#isHead = false;
      const [, gtid] = GTID.exec(line) ?? [];
      if (gtid !== undefined) {
        this.#keeps = !this.#isClusters(gtid);
        if (this.#keeps) this.gtids.push(gtid);
      } else if (BETWEEN.test(line)) this.#keeps = false;
      const held = this.#held ?? '';
      this.#held = null;
      return this.#keeps ? [held, line] : [];
    }
    return this.#keeps ? [line] : [];
  }
}

/** The GTIDs after which a file of the log begins, one for each server that ever wrote; null = another line. */
export function gtidList(line: string): string[] | null {
  const [, list] = GTID_LIST.exec(line) ?? [];
  if (list === undefined) return null;
  return list.match(/\d+-\d+-\d+/g) ?? [];
}
