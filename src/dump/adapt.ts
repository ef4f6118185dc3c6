/**
 * Changes the statements of a dump for a cluster: leaves some out, and removes definers. Pure. A statement is a text of bytes
 * (latin1), as in the dump.
 */
export interface Adapted {
  /** What is executed; null = nothing. */
  readonly sql: string | null;
  /** Why it is left out; null = it is not, or it belongs to what was left out before. */
  readonly leftOut: string | null;
  /** The definer that was removed from an object. */
  readonly definer: { readonly object: string; readonly was: string } | null;
}

/** Length of the beginning of a statement that is searched for its kind and DEFINER. */
const HEAD = 4096;

const NAME = '(?:`(?:[^`]|``)*`|\'(?:[^\'\\\\]|\'\'|\\\\.)*\'|"(?:[^"\\\\]|""|\\\\.)*"|[\\w$.%-]+)';
/** Blanks, the marks of executable comments, and plain comments may stand between any two words of a dump. */
const GAP = '(?:\\s|/\\*M?!\\d*|\\*/|--[^\\n]*\\n|#[^\\n]*\\n|/\\*[^!M](?:[^*]|\\*(?!/))*\\*/)';
const DEFINER = new RegExp(
  `^(${GAP}*(?:CREATE|ALTER)(?:${GAP}|OR(?=\\s)|REPLACE(?=\\s)|AGGREGATE(?=\\s)|ALGORITHM\\s*=\\s*\\w+)*)DEFINER\\s*=\\s*(${NAME}(?:\\s*@\\s*${NAME})?(?:\\s*\\(\\s*\\))?)`,
  'i',
);
const OBJECT = new RegExp(
  `\\b(VIEW|TRIGGER|PROCEDURE|FUNCTION|EVENT|PACKAGE(?:\\s+BODY)?)\\s+(?:IF\\s+NOT\\s+EXISTS\\s+)?(${NAME}(?:\\s*\\.\\s*${NAME})?)`,
  'i',
);

interface LeftOut {
  readonly pattern: RegExp;
  readonly why: string;
}

const start = (words: string) => new RegExp(`^${GAP}*(?:${words})`, 'i');

const LEFT_OUT: readonly LeftOut[] = [
  {
    pattern: start(
      'SET\\s+@@(?:GLOBAL|SESSION)\\.(?:GTID_PURGED|SQL_LOG_BIN)\\b|SET\\s+(?:SESSION\\s+)?SQL_LOG_BIN\\b',
    ),
    why: 'the cluster keeps its own log',
  },
  {
    pattern: start(
      'CHANGE\\s+(?:MASTER|REPLICATION)\\b|SET\\s+GLOBAL\\s+gtid_slave_pos\\b|(?:START|STOP|RESET)\\s+(?:SLAVE|REPLICA|MASTER)\\b',
    ),
    why: 'Skein manages replication',
  },
  {
    pattern: start(
      '(?:CREATE|ALTER|DROP|RENAME)\\s+(?:OR\\s+REPLACE\\s+)?(?:USER|ROLE)\\b|GRANT\\b|REVOKE\\b|SET\\s+DEFAULT\\s+ROLE\\b|FLUSH\\b',
    ),
    why: 'accounts are made with `skein user create`',
  },
];

const SYSTEM_SCHEMA = start(
  `(?:USE|CREATE\\s+(?:DATABASE|SCHEMA)${GAP}*(?:IF${GAP}+NOT${GAP}+EXISTS${GAP}*)?|(?:DROP|ALTER)\\s+(?:DATABASE|SCHEMA)${GAP}*(?:IF${GAP}+EXISTS${GAP}*)?)\\s*(?:\`(?:mysql|sys|skein|performance_schema|information_schema)\`|(?:mysql|sys|skein|performance_schema|information_schema)\\s*$)`,
);
const USE = start('USE\\b');

const SET = start('SET\\b');
const CREATES = start('CREATE\\b');

/** Remembers whether the current database is a system schema, whose statements are left out. */
export class Adapter {
  #inSystemSchema = false;

  adapt(text: string): Adapted {
    const head = text.slice(0, HEAD);
    const isSystem = SYSTEM_SCHEMA.test(head);
    if (USE.test(head)) {
      this.#inSystemSchema = isSystem;
      if (isSystem) return leftOut("with all that belongs to this schema: it is the system's own");
    } else if (isSystem) return leftOut("the schema is the system's own");
    else if (this.#inSystemSchema && !SET.test(head)) return { sql: null, leftOut: null, definer: null };
    const rule = LEFT_OUT.find(({ pattern }) => pattern.test(head));
    return rule ? leftOut(rule.why) : withoutDefiner(text);
  }
}

function leftOut(why: string): Adapted {
  return { sql: null, leftOut: why, definer: null };
}

/** Without the clause the executing account becomes the definer. Only a superuser may name another one. */
export function withoutDefiner(text: string): Adapted {
  const found = DEFINER.exec(text.slice(0, HEAD));
  if (!found) return { sql: text, leftOut: null, definer: null };
  const [all, before = '', was = ''] = found;
  const rest = text.slice(all.length);
  const object = OBJECT.exec(rest.slice(0, HEAD));
  const name = object ? `${object[1]?.toLowerCase()} ${object[2]}` : 'an object';
  return { sql: before + rest, leftOut: null, definer: { object: name, was } };
}

export type EventState = 'ENABLE' | 'DISABLE';

const EVENT = /\bEVENT\s+(?:IF\s+NOT\s+EXISTS\s+)?`((?:[^`]|``)*)`/i;
const SWITCHED_OFF = /(\bON COMPLETION (?:NOT )?PRESERVE )DISABLE ON (?:SLAVE|REPLICA)\b/;

/** A replica writes every event as `DISABLE ON SLAVE`, so the right state is looked up by the event's name. */
export function withEventState(sql: string, stateOf: (name: string) => EventState): string {
  const head = sql.slice(0, HEAD);
  if (!CREATES.test(head) || !SWITCHED_OFF.test(head)) return sql;
  const name = EVENT.exec(head)?.[1];
  if (name === undefined) return sql;
  return head.replace(SWITCHED_OFF, `$1${stateOf(name.replaceAll('``', '`'))}`) + sql.slice(HEAD);
}
