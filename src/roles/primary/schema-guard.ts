import type { EventLog } from '../../events/event-log.js';
import { keyOf, type SchemaLook } from '../../flavour/definitions.js';
import { messageOf } from '../../model/error.js';
import type { TableName } from '../../model/verify.js';
import { ERRNO, errnoOf } from '../../mysql-protocol/errno.js';
import { charsetRisk, mayHideCharset } from '../../promise/charset-risk.js';
import { isNoDdl, riskOf } from '../../promise/ddl-risk.js';
import { type NamedTable, renamingsIn, tableIn } from '../../promise/table-name.js';
import type { Logger } from '../../std/logger.js';
import { sleep } from '../../std/timing.js';
import type { LocalControl } from '../local-server.js';

/**
 * Checks the schema of an open primary for statements that the server cannot refuse and that would break the cluster's promise:
 * after every DDL that the source reads, when the primary opens, and once a minute. A table of another engine is converted at
 * once. Everything else is reported: by an event when it is found first, and by `warnings` in the status while it exists.
 */
export interface SchemaGuardModules {
  readonly logger: Logger;
  readonly events: EventLog;
  control(): LocalControl;
  /** `warnings` may have changed. */
  changed(): void;
}

/** Pause after a check, as a multiple of its duration. So several DDL statements in a row cause only one check. */
const REST_PER_LOOK = 10;
const REST_MIN_MS = 100;
/** Interval of checks without DDL. They find what no statement showed. */
const LOOK_AGAIN_MS = 60_000;
const RETRY_MS = 5_000;
const NAMED_MAX = 5;
/** Statements that wait for the next check. Statements beyond this are not compared with their tables. */
const COMPARED_MAX = 1_000;

interface Compared {
  readonly text: string;
  readonly database: string;
  /** Tables with a higher id were created after the last check before the statement. */
  readonly tableIdMax: number;
}

export class SchemaGuard {
  readonly #node: string;
  readonly #modules: SchemaGuardModules;
  #scope: AbortController | null = null;
  #look: SchemaLook = { tableIdMax: 0, foreign: [], keyless: [], asleep: [] };
  #wake: (() => void) | null = null;
  #wanted = false;
  #urgent = false;
  /** Statements whose text is compared with their tables at the next check. */
  #compared: Compared[] = [];
  /** Tables that were reported by an event. */
  #reported = new Set<string>();
  #hasReportedEvents = false;

  constructor(options: { node: string }, modules: SchemaGuardModules) {
    this.#node = options.node;
    this.#modules = modules;
  }

  get warnings(): string[] {
    const { foreign, keyless, asleep } = this.#look;
    const spatial = keyless.filter(({ hasSpatialKey }) => hasSpatialKey);
    const others = keyless.filter(({ hasSpatialKey }) => !hasSpatialKey);
    return [
      ...(foreign.length > 0 ? [FOREIGN(names(foreign))] : []),
      ...(spatial.length > 0 ? [SPATIAL_ONLY(names(spatial))] : []),
      ...(others.length > 0 ? [KEYLESS(names(others))] : []),
      ...(asleep.length > 0 ? [ASLEEP(names(asleep))] : []),
    ];
  }

  /** Number of tables without a key by which a replica finds a row. */
  get keylessTables(): number {
    return this.#look.keyless.length;
  }

  get foreignTables(): number {
    return this.#look.foreign.length;
  }

  /** The primary is open. `crashed`: a previous run of its server may have crashed. */
  opened({ crashed }: { crashed: boolean }): void {
    this.closed();
    const scope = new AbortController();
    this.#scope = scope;
    this.#wanted = true;
    this.#urgent = true;
    this.#run(crashed, scope.signal).catch((error: unknown) => {
      if (!scope.signal.aborted)
        this.#modules.logger.error(
          { reason: messageOf(error) },
          'the checks of the schema ended with an unexpected error',
        );
    });
  }

  closed(): void {
    this.#compared = [];
    this.#scope?.abort();
    this.#scope = null;
    this.#wake?.();
  }

  /** The log has this statement, executed in this database; '' = its text is not known. */
  statement(text: string, database: string): void {
    if (this.#scope === null || isNoDdl(text)) return;
    const risk = riskOf(text);
    if (risk !== null) this.#warn(risk.code, risk.text);
    const isCompared = mayHideCharset(text) || renamingsIn(text).length > 0;
    if (isCompared && this.#compared.length < COMPARED_MAX)
      this.#compared.push({ text, database, tableIdMax: this.#look.tableIdMax });
    this.#wanted = true;
    if (text === '' || /partition|engine/i.test(text)) this.#urgent = true;
    this.#wake?.();
  }

  async #run(crashed: boolean, signal: AbortSignal): Promise<void> {
    for (let first = true; !signal.aborted; first = false) {
      this.#wanted = false;
      this.#urgent = false;
      const started = performance.now();
      const isDone = await this.#lookOnce(first && crashed, signal);
      signal.throwIfAborted();
      const rest = Math.max(REST_MIN_MS, REST_PER_LOOK * (performance.now() - started));
      await this.#pause(rest, () => this.#urgent, signal);
      await this.#pause(isDone ? LOOK_AGAIN_MS : RETRY_MS, () => this.#wanted, signal);
    }
  }

  /** Waits until the time is over or `cut` returns true. */
  async #pause(ms: number, cut: () => boolean, signal: AbortSignal): Promise<void> {
    if (cut() || signal.aborted) return;
    const ended = new AbortController();
    this.#wake = () => {
      if (cut() || signal.aborted) ended.abort();
    };
    await sleep(ms, ended.signal).catch(() => {});
    this.#wake = null;
  }

  /** Returns whether no table is left to convert. */
  async #lookOnce(afterCrash: boolean, signal: AbortSignal): Promise<boolean> {
    try {
      this.#take(await this.#modules.control().lookAtSchema());
      await this.#compare(this.#compared.splice(0));
      if (this.#look.foreign.length === 0) return true;
      for (const table of this.#look.foreign) {
        if (signal.aborted) return false;
        await this.#convert(table, afterCrash);
      }
      this.#take(await this.#modules.control().lookAtSchema());
      return this.#look.foreign.length === 0;
    } catch (error) {
      if (!signal.aborted)
        this.#modules.logger.warn({ reason: messageOf(error) }, 'the schema could not be checked');
      return false;
    }
  }

  #take(look: SchemaLook): void {
    const before = this.warnings.join('\n');
    this.#look = look;
    if (look.asleep.length > 0 && !this.#hasReportedEvents)
      this.#warn('EVENTS_ASLEEP', ASLEEP(names(look.asleep)));
    this.#hasReportedEvents = look.asleep.length > 0;
    const present = new Set(look.keyless.map(keyOf));
    for (const key of this.#reported) if (!present.has(key)) this.#reported.delete(key);
    const appeared = look.keyless.filter((table) => !this.#reported.has(keyOf(table)));
    for (const table of appeared) this.#reported.add(keyOf(table));
    const spatial = appeared.filter(({ hasSpatialKey }) => hasSpatialKey);
    const others = appeared.filter(({ hasSpatialKey }) => !hasSpatialKey);
    if (spatial.length > 0) this.#warn('SPATIAL_KEY_ONLY', SPATIAL_ONLY(names(spatial)));
    if (others.length > 0) this.#warn('NO_PRIMARY_KEY', KEYLESS(names(others)));
    if (before !== this.warnings.join('\n')) this.#modules.changed();
  }

  async #compare(statements: readonly Compared[]): Promise<void> {
    const all = statements.map(({ text, database, tableIdMax }) => {
      const inDatabase = ({ schema, name }: NamedTable): TableName => ({ schema: schema ?? database, name });
      const renamings = renamingsIn(text).map(({ from, to }) => ({
        from: inDatabase(from),
        to: inDatabase(to),
      }));
      const table = mayHideCharset(text) ? tableIn(text) : null;
      return { text, tableIdMax, renamings, table: table && inDatabase(table) };
    });
    // If another RENAME gave this name to a table, that table is not the one that had the name before.
    const targets = new Set(all.flatMap(({ renamings }) => renamings.map(({ to }) => keyOf(to))));
    for (const { text, tableIdMax, renamings, table } of all) {
      for (const { from, to } of renamings)
        if (!targets.has(keyOf(from))) await this.#takeBack(from, to, tableIdMax);
      const collations = table && (await this.#modules.control().collationsOf(table));
      const risk = collations && charsetRisk(text, collations);
      if (table && risk) this.#warn(risk.code, `${nameOf(table)} ${risk.text}`);
    }
  }

  /** A table that is older than the RENAME and still has its name: the RENAME renamed a temporary table of the same name. */
  async #takeBack(from: TableName, to: TableName, tableIdMax: number): Promise<void> {
    const control = this.#modules.control();
    const id = await control.tableIdOf(from);
    if (id === null || id > tableIdMax) return;
    const what = `RENAME TABLE ${nameOf(from)} TO ${nameOf(to)} renamed a temporary table here, but the real table of that name on the replicas`;
    try {
      await control.renameBack(from, to);
      this.#warn(
        'HIDDEN_TABLE_RENAMED',
        `${what}. The replicas undo that. Do not give a temporary table the name of a real one.`,
      );
    } catch (error) {
      // Both tables exist: the table was renamed, and another one was created with its old name. (Or the replicas have
      // stopped.)
      if (errnoOf(error) === ERRNO.tableExists) return;
      this.#warn(
        'HIDDEN_TABLE_RENAMED',
        `${what}. That could not be undone: ${messageOf(error)} The replicas stop at the next change of a row of ${nameOf(from)}.`,
      );
    }
  }

  async #convert(table: TableName & { readonly engine: string }, afterCrash: boolean): Promise<void> {
    const name = nameOf(table);
    const lost = afterCrash
      ? ' The server had crashed, so acknowledged rows may be missing here. Compare the rows with those of a replica.'
      : '';
    try {
      await this.#modules.control().convertToInnodb(table);
      this.#warn(
        'ENGINE_CONVERTED',
        `${name} was a table of ${table.engine}, which can lose acknowledged rows. It was converted to InnoDB on all nodes.${lost}`,
      );
    } catch (error) {
      this.#warn(
        'ENGINE_NOT_CONVERTED',
        `${name} is a table of ${table.engine}, which can lose acknowledged rows. It could not be converted to InnoDB: ` +
          `${messageOf(error)} The primary tries again every ${RETRY_MS / 1000} s.${lost}`,
      );
    }
  }

  #warn(code: string, reason: string): void {
    this.#modules.events.add('schema.warning', this.#node, reason, { code });
  }
}

const FOREIGN = (tables: string) =>
  `Tables of another engine than InnoDB, which can lose rows: ${tables}. They are being converted.`;
const ASLEEP = (list: string) =>
  `Events do not run, because they were created while this server was a replica: ${list}. To run an event, use ALTER EVENT ... ENABLE.`;
const KEYLESS = (tables: string) =>
  `No primary key: ${tables}. A replica reads the whole table for each row of an UPDATE or DELETE. Add a primary key. The setting "requirePrimaryKey" refuses such tables.`;
const SPATIAL_ONLY = (tables: string) =>
  `A spatial key and no primary key: ${tables}. An UPDATE or DELETE of such a table stops the replicas. Add a primary key.`;

const nameOf = ({ schema, name }: TableName): string => `${schema}.${name}`;

function names(tables: readonly TableName[]): string {
  const more = tables.length - NAMED_MAX;
  return `${tables.slice(0, NAMED_MAX).map(nameOf).join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}
