import type { Random } from '../random.js';
import { ALPHABETS, EVERY_TYPE_COLUMNS } from './schema.js';

/** SQL literals made by hand: the server parses text quickest, and the test wants every byte under its control. */

export function text(value: string): string {
  return `'${value.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`;
}

export function hex(bytes: Buffer): string {
  return bytes.length === 0 ? "''" : `x'${bytes.toString('hex')}'`;
}

const pad = (value: number, width = 2): string => String(value).padStart(width, '0');

export function date(random: Random, fromYear = 1990, toYear = 2025): string {
  return `${random.int(fromYear, toYear)}-${pad(random.int(1, 12))}-${pad(random.int(1, 28))}`;
}

function clock(random: Random, fraction = 0): string {
  const whole = `${pad(random.int(0, 23))}:${pad(random.int(0, 59))}:${pad(random.int(0, 59))}`;
  return fraction === 0 ? whole : `${whole}.${pad(random.int(0, 10 ** fraction - 1), fraction)}`;
}

/** Never in the hour that a summer time skips: TIMESTAMP is stored in UTC and the servers run in UTC, but be safe. */
export function moment(random: Random, fraction = 0, fromYear = 1990, toYear = 2025): string {
  return `${date(random, fromYear, toYear)} ${clock(random, fraction)}`;
}

const WORDS =
  'goose flock thread skein yarn wing lead tire follow north river autumn wedge call turn wind drift loop weave spool knot fibre'.split(
    ' ',
  );

export function words(random: Random, count: number): string {
  let out = random.pick(WORDS);
  for (let i = 1; i < count; i++) out += ` ${random.pick(WORDS)}`;
  return out;
}

export function uuid(random: Random): string {
  const digits = random.bytes(16).toString('hex');
  return `${digits.slice(0, 8)}-${digits.slice(8, 12)}-4${digits.slice(13, 16)}-a${digits.slice(17, 20)}-${digits.slice(20)}`;
}

const coordinate = (random: Random) => `${random.int(-180, 180)}.${random.int(0, 9999)}`;
const point = (random: Random) => `${coordinate(random)} ${coordinate(random)}`;
const points = (random: Random, count: number) =>
  Array.from({ length: count }, () => point(random)).join(', ');

export function pointText(random: Random): string {
  return `ST_GeomFromText('POINT(${point(random)})')`;
}

function ring(random: Random): string {
  const x = random.int(-170, 160);
  const y = random.int(-80, 70);
  return `(${x} ${y}, ${x + 10} ${y}, ${x + 10} ${y + 10}, ${x} ${y + 10}, ${x} ${y})`;
}

export function polygon(random: Random): string {
  return `ST_GeomFromText('POLYGON(${ring(random)})')`;
}

function geometry(random: Random, type: string): string {
  const wkt: Record<string, () => string> = {
    POINT: () => `POINT(${point(random)})`,
    LINESTRING: () => `LINESTRING(${points(random, random.int(2, 6))})`,
    POLYGON: () => `POLYGON(${ring(random)})`,
    MULTIPOINT: () => `MULTIPOINT(${points(random, random.int(1, 4))})`,
    MULTILINESTRING: () => `MULTILINESTRING((${points(random, 2)}), (${points(random, 3)}))`,
    MULTIPOLYGON: () => `MULTIPOLYGON((${ring(random)}), (${ring(random)}))`,
    GEOMETRYCOLLECTION: () => `GEOMETRYCOLLECTION(POINT(${point(random)}), LINESTRING(${points(random, 2)}))`,
  };
  const make = type === 'GEOMETRY' ? random.pick(Object.values(wkt)) : wkt[type];
  return `ST_GeomFromText('${make?.()}')`;
}

const INTEGER_BITS: Record<string, number> = { TINYINT: 8, SMALLINT: 16, MEDIUMINT: 24, INT: 32, BIGINT: 64 };

function integer(random: Random, bits: number, unsigned: boolean): string {
  const span = 1n << BigInt(bits);
  const low = unsigned ? 0n : -(span / 2n);
  if (random.chance(0.1)) return String(low);
  if (random.chance(0.1)) return String(low + span - 1n);
  return String(low + (random.bytes(8).readBigUInt64LE() % span));
}

function decimal(random: Random, digits: number, fraction: number, unsigned: boolean): string {
  const figures = (count: number) => Array.from({ length: count }, () => random.int(0, 9)).join('');
  const sign = unsigned || random.chance(0.5) ? '' : '-';
  const whole = figures(random.int(1, Math.max(1, digits - fraction))) || '0';
  return fraction === 0 ? `${sign}${whole}` : `${sign}${whole}.${figures(random.int(1, fraction))}`;
}

function someText(random: Random, bytesMax: number): string {
  const size = random.chance(0.02) ? bytesMax : random.int(0, Math.min(bytesMax, 60));
  let out = '';
  while (out.length < size)
    out += `${random.pick(WORDS)}${random.pick([' ', "'", '"', '\\', '\n', '%', '\t'])}`;
  return text(out.slice(0, size));
}

function someBytes(random: Random, bytesMax: number): string {
  return hex(random.bytes(random.chance(0.02) ? bytesMax : random.int(0, Math.min(bytesMax, 40))));
}

function members(random: Random, list: readonly string[]): string {
  return text(list.filter(() => random.chance(0.4)).join(','));
}

/** Zero dates and partly zero dates: the default sql_mode of MariaDB takes them, and applications rely on it. */
const ZERO_DATES = ['0000-00-00', '2021-00-00', '2021-07-00', '9999-12-31', '0001-01-01'];

/** A literal for a column of `every_type`, by its declared type. */
export function valueFor(random: Random, type: string): string {
  if (random.chance(0.08)) return 'NULL';
  const unsigned = type.includes('UNSIGNED') || type.includes('ZEROFILL');
  const base = /^[A-Z0-9]+/.exec(type)?.[0] ?? '';
  const args = (/\(([\d,]+)\)/.exec(type)?.[1] ?? '').split(',').map(Number);
  const [first = 0, second = 0] = args;
  const bits = INTEGER_BITS[base];
  if (bits) return integer(random, bits, unsigned);
  switch (base) {
    case 'BOOLEAN':
      return random.pick(['TRUE', 'FALSE']);
    case 'DECIMAL':
      return decimal(random, first || 10, second, unsigned);
    case 'FLOAT':
      return `${unsigned ? '' : random.pick(['', '-'])}${(random.next() * 10 ** random.int(-20, 20)).toExponential(6)}`;
    case 'DOUBLE':
      if (first > 0) return decimal(random, 15, 5, false);
      return String((random.next() - 0.5) * 10 ** random.int(-200, 200));
    case 'BIT':
      return `x'${bitsHex(random, first)}'`;
    case 'YEAR':
      return String(random.pick([0, 1901, 2155, random.int(1950, 2050)]));
    case 'DATE':
      return text(random.chance(0.2) ? random.pick(ZERO_DATES) : date(random, 1000, 9998));
    case 'TIME':
      return text(`${random.pick(['', '-'])}${pad(random.int(0, 837))}:${clock(random, first).slice(3)}`);
    case 'DATETIME':
      if (random.chance(0.1)) return text(`${random.pick(ZERO_DATES)} 00:00:00`);
      return text(moment(random, first, 1000, 9998));
    case 'TIMESTAMP':
      return random.chance(0.1) ? text('0000-00-00 00:00:00') : text(moment(random, first, 1971, 2037));
    case 'CHAR':
    case 'VARCHAR':
    case 'NATIONAL':
      return someText(random, first || 9);
    case 'TINYTEXT':
      return someText(random, 255);
    case 'TEXT':
    case 'MEDIUMTEXT':
    case 'LONGTEXT':
      return someText(random, 9_000);
    case 'BINARY':
    case 'VARBINARY':
      return someBytes(random, first);
    case 'TINYBLOB':
      return someBytes(random, 255);
    case 'BLOB':
    case 'MEDIUMBLOB':
    case 'LONGBLOB':
      return someBytes(random, 9_000);
    case 'ENUM':
      return type.includes("'v0'")
        ? text(`v${random.int(0, 299)}`)
        : random.pick([text('red'), text('ünusual'), text("it's"), '3']);
    case 'SET':
      return type.includes("'s0'")
        ? members(
            random,
            Array.from({ length: 64 }, (_, i) => `s${i}`),
          )
        : members(random, ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i']);
    case 'JSON':
      return text(
        JSON.stringify({
          n: random.int(-1e9, 1e9),
          text: words(random, 3),
          list: [1, null, true, 'ü'],
          deep: { x: random.next() },
        }),
      );
    case 'INET4':
      return text([...random.bytes(4)].join('.'));
    case 'INET6':
      return text((random.bytes(16).toString('hex').match(/.{4}/g) ?? []).join(':'));
    case 'UUID':
      return text(uuid(random));
    default:
      return geometry(random, base);
  }
}

function bitsHex(random: Random, width: number): string {
  const value = random.bytes(8).readBigUInt64BE() & ((1n << BigInt(width)) - 1n);
  const digits = value.toString(16);
  return digits.padStart(digits.length + (digits.length % 2), '0');
}

export function everyTypeRow(random: Random): string {
  return EVERY_TYPE_COLUMNS.map(([, type]) => valueFor(random, type)).join(',');
}

export function alphabetRow(random: Random): string {
  return ALPHABETS.map(([, , sample]) => text(`${sample} ${random.int(0, 1e6)}`)).join(',');
}
