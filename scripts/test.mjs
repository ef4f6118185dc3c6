// `npm test`, `npm run test:full`, ...: the checks, then the tests of vitest; the last line counts.
//   npm test -- <part of a path> [options of vitest]     only these tests, of all tiers but the long ones, without the checks
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join, relative } from 'node:path';
import { parseCLI, startVitest } from 'vitest/node';

const root = join(import.meta.dirname, '..');
/** Of this run; the test kit writes the logs of failed tests there (test/kit/test-logs.ts). */
const logs = `test-results/${new Date().toISOString().replaceAll(':', '-').slice(0, 19)}-${process.pid}`;
process.env.SKEIN_TEST_RESULTS = logs;

const { filter, options } = parseCLI(['vitest', 'run', ...process.argv.slice(2)]);
const isNamed = filter.length > 0 || options.testNamePattern !== undefined;
options.project ??= [
  'unit',
  'system',
  ...(isNamed ? ['full'] : []),
  ...(filter.some((path) => path.includes('test/long')) ? ['long'] : []),
];

/** What failed, with the reason. @type {string[]} */
const failures = [];
if (!isNamed && options.project.includes('unit')) {
  console.log('skein: checking format, lint, types and unused code (npm run check) ...');
  const { status } = spawnSync('npm', ['run', '--silent', 'check'], { cwd: root, stdio: 'inherit' });
  if (status !== 0)
    failures.push('npm run check: see above; `npx biome check --write .` mends format and much of lint');
}

const vitest = await startVitest('test', filter, { ...options, run: true });
let [passed, skipped] = [0, 0];
for (const module of vitest.state.getTestModules()) {
  const file = relative(root, module.moduleId);
  const failedBefore = failures.length;
  for (const test of module.children.allTests()) {
    const { state, errors } = test.result();
    if (state === 'passed') passed++;
    else if (state === 'failed') failures.push(`${file} > ${test.fullName}\n    ${firstLine(errors)}`);
    else skipped++;
  }
  // A file that could not be loaded, or whose set-up failed, has no failed test of its own.
  if (module.state() === 'failed' && failures.length === failedBefore) {
    const suites = [...module.children.allSuites()].flatMap((suite) => suite.errors());
    failures.push(`${file}\n    ${firstLine([...module.errors(), ...suites])}`);
  }
}
for (const error of vitest.state.getUnhandledErrors())
  failures.push(`outside of a test\n    ${firstLine([error])}`);
// Whatever else vitest objects to; a run without a test is one that failed.
if (failures.length === 0 && (process.exitCode || passed === 0)) failures.push('the test run: see above');
await vitest.close();

for (const failure of failures) console.log(`FAILED ${failure}`);
if (failures.length > 0 && existsSync(join(root, logs)))
  console.log(`The logs of failed tests are in ${logs}/.`);
console.log(`${passed} passed, ${failures.length} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`);
process.exit(failures.length > 0 ? 1 : 0);

/** @param {readonly unknown[] | undefined} errors */
function firstLine(errors) {
  const [error] = errors ?? [];
  return String(
    /** @type {{ message?: string } | undefined} */ (error)?.message ?? error ?? 'without a reason',
  ).split('\n')[0];
}
