import type { RoundReport, VerifyDocument } from '../../src/model/verify.js';
import type { TestNode } from './test-node.js';
import { until } from './until.js';

export interface VerifyBody {
  database?: string;
  table?: string;
  repair?: boolean;
}

export async function startVerify(primary: TestNode, body: VerifyBody): Promise<RoundReport> {
  const answer = await primary.request<RoundReport>('POST', '/v1/verify', body);
  if (answer.status !== 202) throw new Error(`POST /v1/verify: ${answer.status} ${answer.text}`);
  return answer.body;
}

/** Compares rows, and resolves with what was found when that is done. */
export async function verified(
  primary: TestNode,
  body: VerifyBody,
  { deadlineMs = 90_000 }: { deadlineMs?: number } = {},
): Promise<VerifyDocument> {
  const { startedAt } = await startVerify(primary, body);
  return until(
    `${primary.name} has compared ${body.table ?? 'all tables'}`,
    async () => {
      const answer = await primary.request<VerifyDocument>('GET', '/v1/verify');
      const { running, last } = answer.body;
      return running === null && last?.startedAt === startedAt ? answer.body : null;
    },
    { deadlineMs },
  );
}
