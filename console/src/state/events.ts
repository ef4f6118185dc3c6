/** Events of the cluster as lines. Pure. */
import type { ClusterEvent } from '../../../client/src/index.js';
import type { Tone } from './status.js';
import { clock } from './text.js';

export interface EventLine {
  readonly id: string;
  readonly time: string;
  readonly event: string;
  readonly text: string;
  readonly tone: Tone;
}

const BAD =
  /^(link\.(down|refused)|server\.(down|hung)|quorum\.lost|role\.closed|replication\.error|fence|spool\.damaged|seed\.failed|verify\.differs|disk\.full)$/;
const GOOD = /^(link\.up|server\.up|quorum\.regained|role\.open|seed\.done|disk\.ok|member\.promoted)$/;
const KEPT = 200;

function eventLine({ id, event, data }: ClusterEvent): EventLine {
  const subject = typeof data.subject === 'string' ? data.subject : '';
  const reason = typeof data.reason === 'string' ? data.reason : '';
  return {
    id,
    time: clock(data.at),
    event,
    text: [subject, reason].filter(Boolean).join(': '),
    tone: BAD.test(event) ? 'bad' : GOOD.test(event) ? 'good' : event === 'election' ? 'warn' : 'idle',
  };
}

/** The newest first. */
export const withEvent = (lines: readonly EventLine[], event: ClusterEvent): readonly EventLine[] =>
  [eventLine(event), ...lines].slice(0, KEPT);
