/** Whether what the clients of one register saw can be explained by one order of their operations. Pure. */

/** `null`: the register was never written. */
export type RegisterValue = string | null;

export type RegisterAction =
  | { readonly kind: 'read'; readonly value: RegisterValue }
  | { readonly kind: 'write'; readonly value: string }
  /** A swap that was done: the register held `from`. */
  | { readonly kind: 'swap'; readonly from: string; readonly value: string };

export interface RegisterOperation {
  readonly client: number;
  readonly action: RegisterAction;
  /** Milliseconds, on one clock for all clients. */
  readonly callMs: number;
  /** null: its outcome is not known. It may take effect at any time after the call, or never. */
  readonly returnMs: number | null;
}

export type Verdict =
  | { readonly kind: 'linearizable' }
  | {
      readonly kind: 'violation';
      /** The longest order that explains a beginning of the history. */
      readonly explained: readonly RegisterOperation[];
      /** No order explains this operation after them. */
      readonly blocked: RegisterOperation;
    }
  /** Too many orders to try. */
  | { readonly kind: 'undecided' };

/** Each step is a few microseconds; a history of 100 operations of which few are unknown needs some thousands. */
const STEPS_MAX = 2_000_000;

/** A call or a return, in a list that is linked both ways, so that an operation can be taken out and put back. */
interface Entry {
  readonly operation: RegisterOperation;
  readonly index: number;
  /** Of a call: its return; null when the outcome is not known. */
  readonly match: Entry | null;
  readonly isCall: boolean;
  before: Entry | null;
  after: Entry | null;
}

/**
 * The search of Wing and Gong (1993) with the memory of Lowe (2017): an operation that has been called may be the next in the
 * order if no other one had returned before its call. A pair (set of ordered operations, value) is tried once.
 */
export function judgeRegister(history: readonly RegisterOperation[], stepsMax = STEPS_MAX): Verdict {
  const operations = withoutUnseen(history);
  const head = entriesOf(operations);
  let missing = operations.filter(({ returnMs }) => returnMs !== null).length;
  const tried = new Set<string>();
  const order: { call: Entry; valueBefore: RegisterValue }[] = [];
  let explained: RegisterOperation[] = [];
  let blocked: RegisterOperation | null = null;
  let ordered = 0n;
  let value: RegisterValue = null;
  let entry = head.after;
  for (let steps = 0; missing > 0; steps++) {
    if (steps >= stepsMax) return { kind: 'undecided' };
    if (entry?.isCall) {
      const next = valueAfter(value, entry.operation.action);
      const set = ordered | (1n << BigInt(entry.index));
      const state = `${set.toString(36)} ${next}`;
      if (next === undefined || tried.has(state)) {
        entry = entry.after;
        continue;
      }
      tried.add(state);
      order.push({ call: entry, valueBefore: value });
      ordered = set;
      value = next;
      if (entry.match !== null) missing--;
      takeOut(entry);
      entry = head.after;
      continue;
    }
    // A return: its operation must come before everything that was called later, and could not.
    if (entry && (blocked === null || order.length > explained.length)) {
      blocked = entry.operation;
      explained = order.map(({ call }) => call.operation);
    }
    const last = order.pop();
    if (!last) return { kind: 'violation', explained, blocked: blocked as RegisterOperation };
    putBack(last.call);
    if (last.call.match !== null) missing++;
    ordered &= ~(1n << BigInt(last.call.index));
    value = last.valueBefore;
    entry = last.call.after;
  }
  return { kind: 'linearizable' };
}

/** undefined: the operation is not possible at this value. */
function valueAfter(value: RegisterValue, action: RegisterAction): RegisterValue | undefined {
  if (action.kind === 'write') return action.value;
  if (action.kind === 'read') return action.value === value ? value : undefined;
  return action.from === value ? action.value : undefined;
}

/**
 * Without unknown operations whose value was never seen: whatever an order with such an operation explains, the order without
 * it explains too, because all values are different. Unknown reads say nothing.
 */
function withoutUnseen(history: readonly RegisterOperation[]): RegisterOperation[] {
  let kept = history.filter(({ action, returnMs }) => returnMs !== null || action.kind !== 'read');
  for (;;) {
    const seen = new Set(
      kept.map(({ action }) =>
        action.kind === 'read' ? action.value : action.kind === 'swap' ? action.from : null,
      ),
    );
    const next = kept.filter(({ action, returnMs }) => returnMs !== null || seen.has(action.value));
    if (next.length === kept.length) return next;
    kept = next;
  }
}

function entriesOf(operations: readonly RegisterOperation[]): Entry {
  const entries = operations.flatMap((operation, index) => {
    const none = { operation, index, before: null, after: null };
    if (operation.returnMs === null) return [{ ...none, atMs: operation.callMs, isCall: true, match: null }];
    const match = { ...none, atMs: operation.returnMs, isCall: false, match: null };
    return [{ ...none, atMs: operation.callMs, isCall: true, match }, match];
  });
  // At the same millisecond the call is first: then neither is known to be before the other.
  entries.sort((a, b) => a.atMs - b.atMs || Number(b.isCall) - Number(a.isCall));
  const nobody: RegisterOperation = {
    client: 0,
    action: { kind: 'read', value: null },
    callMs: 0,
    returnMs: 0,
  };
  const head: Entry = { operation: nobody, index: -1, match: null, isCall: false, before: null, after: null };
  let last = head;
  for (const entry of entries as Entry[]) {
    entry.before = last;
    last.after = entry;
    last = entry;
  }
  return head;
}

function takeOut(call: Entry): void {
  for (const entry of [call, call.match]) {
    if (entry?.before) entry.before.after = entry.after;
    if (entry?.after) entry.after.before = entry.before;
  }
}

/** In the opposite order, so that the neighbours are what they were. */
function putBack(call: Entry): void {
  for (const entry of [call.match, call]) {
    if (entry?.before) entry.before.after = entry;
    if (entry?.after) entry.after.before = entry;
  }
}

export function describeOperation({ client, action, callMs, returnMs }: RegisterOperation): string {
  const until = returnMs === null ? '?' : `${Math.round(returnMs)}`;
  const what =
    action.kind === 'read'
      ? `reads ${action.value}`
      : action.kind === 'write'
        ? `writes ${action.value}`
        : `swaps ${action.from} for ${action.value}`;
  return `${Math.round(callMs)}-${until} ms: client ${client} ${what}`;
}
