import type { PasswordOf } from './accounts.js';

/**
 * What the recovery of a server that died does with the end of its binary log, whose transactions its engine had not committed.
 * `primary`: it commits them. `replica`: it takes them out of the log and the engine, as far as it can. So a former primary's
 * server forgets what the cluster may have lost. What the cluster kept, it gets again.
 */
export type RecoverAs = 'primary' | 'replica';

/** Paths of the copies that the server reads. */
export interface ServerTls {
  readonly cert: string;
  readonly key: string;
  readonly ca: string | null;
}

export interface ServerSettings {
  readonly dataDir: string;
  readonly tmpDir: string;
  readonly socketPath: string;
  readonly port: number;
  readonly serverId: number;
  /** In the GTIDs of what it writes, where they have one. Absent: it keeps what it has. */
  readonly serverUuid?: string;
  /** Default 64 MiB. */
  readonly bufferPoolBytes?: number;
  /** Default 64 MiB: enough that a bulk load does not wait for checkpoints all the time. */
  readonly redoLogBytes?: number;
  readonly tls?: ServerTls | null;
  /** Default `primary`. */
  readonly recoverAs?: RecoverAs;
  /** Placed last, so they take precedence; for tests and operators' needs. */
  readonly extraArgs?: readonly string[];
}

/** What follows from the settings of a node. */
export interface NodeLimits {
  readonly connectionsMax: number;
  /** Of one temporary table on the disk. */
  readonly tmpTableBytesMax: number;
  /** The operator's own options. Those that the promise depends on come after them. */
  readonly operatorArgs: readonly string[];
  /** A statement that the server executes at each login, after the operator's own. */
  readonly atLogin: string;
}

/** The program's options for its own files, from the room server-packages. */
export interface ProgramFiles {
  readonly pathArgs: readonly string[];
}

/** A file of the data directory. */
export interface DataFile {
  readonly name: string;
  readonly text: string;
}

/** A run of the program that serves nobody and ends by itself. */
export interface OfflineRun {
  readonly args: readonly string[];
  /** For its standard input. */
  readonly input: string;
  /** A file that exists during the run, and the option that names it to the program; for one that does not read its input. */
  readonly file?: { readonly option: string; readonly text: string };
  /** A line of its output after which it would not end by itself: it has failed, and is killed. */
  readonly endlessAfter?: RegExp;
  /** Names in the data directory that are removed after it. */
  readonly leaves?: readonly string[];
}

/** What a server writes into its log. Its last words are lines of it, behind others. */
export interface ServerWords {
  /** Of a line that it also writes when all is well. */
  readonly well: RegExp;
  /** `recoverAs` was `replica`, and it cannot do that: see ServerProgram.untruncated. */
  readonly notTruncated: string;
  /** A line: pages of its files are damaged. */
  readonly damage: RegExp;
  /** The same among its last words. */
  readonly damageInText: RegExp;
  /** A start that failed for reasons that other data would not change. */
  readonly notTheData: RegExp;
  /** The table or file that a line about damage names. */
  readonly file: RegExp;
  /** What a start failed with. */
  readonly error: RegExp;
}

/** How the program of a server is run, and what it leaves behind. The room server-process does it. */
export interface ServerProgram {
  /** The command line of a node's server. It always starts closed (rule H9): nothing here is SET after the start. */
  serverArgs(files: ProgramFiles, settings: ServerSettings): string[];
  /** Files of the data directory that have to be there before the start, for what no option says. */
  dataFiles(settings: Pick<ServerSettings, 'serverUuid'>): readonly DataFile[];
  /** Options among `extraArgs` that follow from the node's settings. */
  nodeArgs(limits: NodeLimits): string[];
  /** The program runs as root only with these. */
  readonly asRoot: readonly string[];

  /**
   * Fills an empty directory: system tables and named time zones, but no account for a login, no binary log and no GTID.
   * `systemTables`: what the program's own SQL files contain.
   */
  emptyServer(
    files: ProgramFiles,
    dataDir: string,
    sql: { systemTables: readonly string[]; timeZones: string },
  ): OfflineRun;
  /** Executes statements, of one line each, in the system schema, where they may be about accounts. Nothing is logged. */
  statements(files: ProgramFiles, dataDir: string, statements: readonly string[]): OfflineRun;
  /** Makes Skein's own accounts, before the directory has served anybody. */
  ownAccounts(files: ProgramFiles, dataDir: string, passwordOf: PasswordOf): OfflineRun;
  /** Rolls back what the engine has prepared for a log that is not there; prepared branches of XA stay. */
  rollBackPrepared(files: ProgramFiles, dataDir: string): OfflineRun;
  /** Whether a run of `rollBackPrepared` did what it should. `code`: it ended with; null = it was killed. */
  hasRolledBack(code: number | null, output: string): boolean;
  /** Whether a run that ended with exit code 0 failed nevertheless. */
  hasFailed(output: string): boolean;
  /** Whether the line says why a run failed. Other lines may quote statements with passwords. */
  saysWhy(line: string): boolean;
  /** Whether a process with these arguments is such a run. */
  isOffline(args: readonly string[]): boolean;

  /** How named time zones get into the server's tables. */
  readonly timeZones: {
    /** Programs beside the server that print SQL for the system schema, the first one there is. */
    readonly programs: readonly string[];
    /** For a session that executes that SQL, without logging it. */
    readonly session: string;
  };
  /** Everything of a schema at one position, from the program beside the server that dumps it. */
  readonly dumpArgs: readonly string[];

  /** A question for the tables in the engine's dictionary, named like their files: `schema/table`, partitions one by one. */
  readonly engineTables: string;
  /** Names of a replica's relay logs and of the records about them, in the data directory. */
  readonly relayState: RegExp;
  readonly words: ServerWords;
  /** For people: what a server has behind the end that it should have taken back. */
  readonly untruncated: string;
}
