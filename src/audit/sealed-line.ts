/**
 * The chain of the audit trail: each line has a number and a code (`mac`) over itself and the code of the
 * line before, made with a key that only the cluster has. So a changed, removed or reordered line is detected.
 * Pure.
 */
import { createHmac, createSecretKey, type KeyObject } from 'node:crypto';

/** The code before the first line of all. */
export const NO_MAC = '0'.repeat(32);

const MAC_LENGTH = 32;
const ENDING = /,"mac":"([0-9a-f]{32})"\}$/;
const FILE_NAME = /^audit-(\d{16})\.jsonl$/;

export interface AuditLine {
  readonly seq: number;
  /** ISO time. */
  readonly time: string;
  readonly kind: string;
  readonly mac: string;
  readonly [field: string]: unknown;
}

/** From the cluster's secret, so that all nodes can verify each other's trails. */
export function auditKey(secret: Uint8Array): KeyObject {
  return createSecretKey(createHmac('sha256', secret).update('skein audit 1').digest());
}

export function macOf(key: KeyObject, previous: string, text: string): string {
  return createHmac('sha256', key)
    .update(previous)
    .update('\n')
    .update(text)
    .digest('hex')
    .slice(0, MAC_LENGTH);
}

/** A line without its end, and its code. `inner` is a JSON object. */
export function sealLine(key: KeyObject, previous: string, inner: string): { text: string; mac: string } {
  const mac = macOf(key, previous, inner);
  return { text: `${inner.slice(0, -1)},"mac":"${mac}"}`, mac };
}

/** Null when the text is no line of a trail. `inner` is what the code was made over. */
export function parseLine(text: string): { line: AuditLine; inner: string } | null {
  const ending = ENDING.exec(text);
  if (!ending) return null;
  try {
    const line = JSON.parse(text) as AuditLine;
    const isLine = Number.isSafeInteger(line.seq) && typeof line.time === 'string';
    return isLine ? { line, inner: `${text.slice(0, ending.index)}}` } : null;
  } catch {
    return null;
  }
}

/** Files are named after their first line. */
export function auditFileName(firstSeq: number): string {
  return `audit-${String(firstSeq).padStart(16, '0')}.jsonl`;
}

/** Null for another file. */
export function firstSeqOf(fileName: string): number | null {
  const digits = FILE_NAME.exec(fileName)?.[1];
  return digits === undefined ? null : Number(digits);
}

/** Names of a directory's audit files, oldest first. */
export function auditFiles(names: readonly string[]): string[] {
  return names.filter((name) => firstSeqOf(name) !== null).sort();
}
