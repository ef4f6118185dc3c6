import { expect, it } from 'vitest';
import { type KeptReports, NO_REPORTS, ReportSaver } from './report-file.js';

it('does not write all reports for each table, and the last ones always', async () => {
  let nowMs = 0;
  const saved: (string | null)[] = [];
  const saver = new ReportSaver(async ({ lastCompleteAt }) => void saved.push(lastCompleteAt), {
    nowMs: () => nowMs,
  });
  let made = 0;
  const reports = (name: string) => (): KeptReports => {
    made++;
    return { ...NO_REPORTS, lastCompleteAt: name };
  };
  for (let table = 0; table < 3_000; table++) {
    await saver.some(reports(`table ${table}`));
    nowMs += 2;
  }
  await saver.all(reports('the end'));
  expect(saved).toEqual(['table 0', 'table 2500', 'the end']);
  expect(made, 'nothing is gathered for nothing').toBe(3);
});
