import type { Random } from '../kit/random.js';

/** Values at the borders of lengths and counters. */
const EDGES = [0, 1, 2, 0x7f, 0x80, 0xff, 0x100, 0x7fff, 0xffff, 0xffffff, 0x7fffffff, 0xffffffff];
/** A piece that is repeated this often finds work that grows faster than its input. */
const REPEATS_MAX = 4_000;
const SIZE_MAX = 256 * 1024;

type Mutation = (random: Random, bytes: Buffer, corpus: readonly Buffer[]) => Buffer;

function place(random: Random, bytes: Buffer): number {
  return random.int(0, Math.max(0, bytes.length - 1));
}

function replaced(bytes: Buffer, from: number, to: number, by: Uint8Array): Buffer {
  return Buffer.concat([bytes.subarray(0, from), by, bytes.subarray(to)]);
}

const MUTATIONS: readonly Mutation[] = [
  // One bit.
  (random, bytes) => {
    const out = Buffer.from(bytes);
    const at = place(random, out);
    if (out.length > 0) out[at] = (out[at] ?? 0) ^ (1 << random.int(0, 7));
    return out;
  },
  // A length or a counter.
  (random, bytes) => {
    const size = random.pick([1, 2, 3, 4]);
    if (bytes.length < size) return bytes;
    const out = Buffer.from(bytes);
    const value = random.pick(EDGES) % 2 ** (8 * size);
    const at = random.int(0, bytes.length - size);
    if (random.chance(0.5)) out.writeUIntLE(value, at, size);
    else out.writeUIntBE(value, at, size);
    return out;
  },
  (random, bytes) => {
    const at = place(random, bytes);
    return replaced(bytes, at, at, random.bytes(random.int(1, 64)));
  },
  (random, bytes) => {
    const at = place(random, bytes);
    return replaced(bytes, at, at + random.int(1, 64), Buffer.alloc(0));
  },
  (random, bytes) => {
    const at = place(random, bytes);
    const piece = bytes.subarray(at, at + random.int(1, 16));
    return replaced(bytes, at, at, Buffer.concat(Array(random.int(2, REPEATS_MAX)).fill(piece)));
  },
  (random, bytes) => bytes.subarray(0, place(random, bytes)),
  (random, bytes, corpus) => {
    const other = random.pick(corpus);
    return Buffer.concat([bytes.subarray(0, place(random, bytes)), other.subarray(place(random, other))]);
  },
];

/** One input: an entry of the corpus, changed one to six times. */
export function mutate(random: Random, corpus: readonly Buffer[]): Buffer {
  let bytes = random.pick(corpus);
  for (let i = random.int(1, 6); i > 0; i--) bytes = random.pick(MUTATIONS)(random, bytes, corpus);
  return bytes.subarray(0, SIZE_MAX);
}

/** Values that have been trouble somewhere: borders of numbers and texts, names of every object, deep and wide ones. */
const VALUES: readonly ((random: Random) => unknown)[] = [
  () => null,
  () => true,
  () => -0,
  () => 2 ** 53 + 2,
  () => 1e308,
  () => '',
  () => '\ud800',
  () => '\u0000\u001b[2J\u202e',
  () => '__proto__',
  () => ({ __proto__: { admin: true }, constructor: 1, toString: 1 }),
  (random) => 'x'.repeat(random.int(1, 100_000)),
  (random) => `${NESTED}${random.int(10, 20_000)}`,
  (random) => Array.from({ length: random.int(1, 20_000) }, (_, i) => i),
  (random) => Object.fromEntries(Array.from({ length: random.int(1, 20_000) }, (_, i) => [`k${i}`, i])),
  (random) => random.bytes(random.int(0, 40)).toString('latin1'),
];

/** Stands for a value so deep that JSON.stringify could not write it; see `jsonText`. */
const NESTED = 'nested ';

/** The text of a value that `mutateJson` made. */
export function jsonText(value: unknown): string {
  const text = JSON.stringify(value) ?? 'null';
  return text.replace(/"nested (\d+)"/g, (_, depth) => {
    const levels = Number(depth);
    return levels % 2 === 0
      ? `${'['.repeat(levels)}1${']'.repeat(levels)}`
      : `${'{"a":'.repeat(levels)}1${'}'.repeat(levels)}`;
  });
}

/** The same value with one to four of its places replaced, removed or added. */
export function mutateJson(random: Random, value: unknown): unknown {
  let out = value;
  for (let i = random.int(1, 4); i > 0; i--) out = changedOnce(random, out);
  return out;
}

function changedOnce(random: Random, value: unknown): unknown {
  const strange = () => random.pick(VALUES)(random);
  if (value === null || typeof value !== 'object' || random.chance(0.1)) return strange();
  if (Array.isArray(value)) {
    if (value.length === 0) return [strange()];
    const at = random.int(0, value.length - 1);
    return value.map((each, i) => (i === at ? changedOnce(random, each) : each));
  }
  const entries = Object.entries(value);
  const change = random.int(0, 3);
  if (change === 0 || entries.length === 0)
    return { ...value, [random.pick(['x', 'sql', 'tx', 'read'])]: strange() };
  const [name, inner] = random.pick(entries);
  if (change === 1) return Object.fromEntries(entries.filter(([each]) => each !== name));
  return { ...value, [name]: change === 2 ? strange() : changedOnce(random, inner) };
}
