import type { SeedProgress } from '../model/seed.js';
import type { ClusterStatus, MemberStatus } from '../model/status.js';
import { bytesText } from '../std/bytes-text.js';
import { durationText } from '../std/duration-text.js';
import { terminalLine } from '../std/terminal-text.js';
import { textTable } from './text-table.js';

/** The cluster's status as text: one line about the whole, one for each node, and the reason for any problem. */
export function statusText(status: ClusterStatus, nowMs: number): string {
  const { needed, attached } = status.quorum;
  const quorum =
    attached >= needed
      ? `quorum yes (${attached} attached, ${needed} needed)`
      : `NO QUORUM (${attached} attached, ${needed} needed): writes wait`;
  const summary = [
    `cluster ${status.cluster}`,
    `epoch ${status.epoch}`,
    `primary ${status.primary ?? 'none'}`,
    `acknowledge ${status.acknowledge}`,
    quorum,
  ]
    .map(terminalLine)
    .join(' · ');
  const table = textTable(
    [
      { name: 'NODE' },
      { name: 'ROLE' },
      { name: 'STATE' },
      { name: 'LAG', align: 'right' },
      { name: 'RECEIVED', align: 'right' },
      { name: 'DURABLE', align: 'right' },
      { name: 'COMMITTED', align: 'right' },
      { name: 'APPLIED', align: 'right' },
      { name: 'SERVER' },
      { name: 'HTTP' },
      { name: 'SINCE', align: 'right' },
    ],
    status.members.map((member) => row(member, nowMs)),
  );
  const reasons = status.members
    .filter(({ reason }) => reason !== null)
    .map(({ name, reason }) => `${name}: ${reason}`);
  const maintained = status.members
    .filter(({ maintenance }) => maintenance === true)
    .map(({ name }) => `${name} is in maintenance: it does not keep the primary's role.`);
  const seeds = status.members.flatMap(({ name, seeding }) =>
    seeding ? [`${name}: ${seedText(seeding)}`] : [],
  );
  const warnings = status.warnings.map((warning) => `warning: ${warning}`);
  const { change } = status;
  const changes =
    change === null
      ? []
      : [`members: ${change.kind} ${change.member} since ${change.since}: ${change.waitsFor}`];
  const notes = [...failoverNotes(status), ...seeds, ...maintained, ...changes, ...reasons, ...warnings].map(
    terminalLine,
  );
  return `${[summary, '', ...table, ...(notes.length > 0 ? ['', ...notes] : [])].join('\n')}\n`;
}

function failoverNotes({ primary, failover }: ClusterStatus): string[] {
  if (!failover) return [];
  const { elected, afterDeathMs, afterSilenceMs, against, last } = failover;
  const after = `within about ${durationText(afterDeathMs)} of its death, and ${durationText(afterSilenceMs)} of its silence`;
  const who =
    primary === null
      ? `no primary: ${elected === null ? 'nobody can be elected now' : `${elected} would be elected now`}`
      : `failover: ${elected === null ? `NOBODY would replace ${primary} now` : `${elected} would replace ${primary}, ${after}`}`;
  const before = last === null ? [] : [`last failover, ${last.servedAt}: ${last.reason}`];
  return [who, ...against.map((text) => `  ${text}`), ...before];
}

function row(member: MemberStatus, nowMs: number): string[] {
  const { received, durable, committed, applied } = member.positions;
  return [
    member.name,
    member.role === 'primary' || member.voter ? member.role : 'learner',
    member.state,
    member.witness ? '-' : member.lagMs === null ? '?' : durationText(member.lagMs),
    ...[received, durable, committed].map(String),
    member.witness ? '-' : String(applied),
    member.witness ? 'none' : serverText(member),
    member.http,
    member.since === '' ? '?' : durationText(nowMs - Date.parse(member.since)),
  ];
}

function serverText({ server }: MemberStatus): string {
  // The table has room only for the number of `10.11.6-MariaDB-0+deb12u1-log`.
  const number = server.version === null ? null : (/^[\d.]+/.exec(server.version)?.[0] ?? server.version);
  const name = [server.flavour, number].filter((part) => part !== null).join(' ');
  return `${name === '' ? 'server' : name} ${server.up ? 'up' : 'DOWN'}`;
}

function seedText(seed: SeedProgress): string {
  const { phase, donor, attempt, bytes, bytesTotal, bytesPerSecond, remainingMs, reason } = seed;
  const from = donor === null ? '' : ` from ${donor}`;
  const of = bytesTotal === null ? '' : ` of about ${bytesText(bytesTotal)}`;
  const rest = remainingMs === null ? '' : `, ${durationText(remainingMs)} to go`;
  const moved =
    phase === 'transferring' ? ` ${bytesText(bytes)}${of}, ${bytesText(bytesPerSecond)}/s${rest}` : '';
  return `is being filled${from}: ${phase}${moved} (attempt ${attempt}). ${reason}`;
}
