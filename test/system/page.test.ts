import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser, Page, Response } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { launch, obtainBrowser } from '../kit/browser.js';
import { showLogsOnFailure, TestCluster } from '../kit/cluster.js';
import {
  ConsolePages,
  NARROW,
  runSql,
  seriousFindings,
  show,
  sqlCells,
  WIDE,
  writeSql,
} from '../kit/console-page.js';
import { until } from '../kit/until.js';

/** The page at `/`, as a person meets it: a real browser, real nodes. */

const obtained = await obtainBrowser();
const because = obtained.kind === 'missing' ? ` (${obtained.reason})` : '';

const HOSTILE = '<img src=x onerror=alert(1)>';
const VALUES: [expression: string, shown: string][] = [
  ['CAST(-7 AS SIGNED)', '-7'],
  ['CAST(18446744073709551615 AS UNSIGNED)', '18446744073709551615'],
  ["CAST('12.50' AS DECIMAL(10,2))", '12.50'],
  ['1.5e0', '1.5'],
  ['NULL', 'NULL'],
  ["''", ''],
  ["'Grüße, 雁 🪶'", 'Grüße, 雁 🪶'],
  [`'${HOSTILE}'`, HOSTILE],
  ["DATE '2026-02-28'", '2026-02-28'],
  ["TIMESTAMP '2026-02-28 23:59:59.123456'", '2026-02-28 23:59:59.123456'],
  ["TIME '-12:34:56'", '-12:34:56'],
  ["UNHEX('00ff10')", '0x00ff10'],
  ["b'101'", '0x05'],
  [`JSON_EXTRACT('{"n": 12345678901234567890}', '$')`, '{"n":12345678901234567890}'],
];

describe.skipIf(obtained.kind === 'missing')(`the page${because}`, () => {
  let browser: Browser;
  let cluster: TestCluster;
  let pages: ConsolePages;
  showLogsOnFailure(() => cluster);

  beforeAll(async () => {
    const command = obtained.kind === 'found' ? obtained.command : '';
    [cluster, browser] = await Promise.all([TestCluster.start({ replicas: 1 }), launch(command)]);
    pages = new ConsolePages(browser, cluster);
    await cluster.primary.sql('CREATE DATABASE shop');
    await cluster.primary.sql('CREATE TABLE shop.orders (id INT PRIMARY KEY AUTO_INCREMENT, item TEXT)');
  });

  afterAll(async () => {
    await browser?.close();
    await cluster?.dispose();
  });

  /** Nothing on the page may fail unheard, whatever a test looks at. */
  afterEach(async () => {
    await pages.closeAll();
    expect(pages.complaints()).toEqual([]);
  });

  const newToken = async (role: string) =>
    (
      await cluster.primary.request<{ id: string; token: string }>('POST', '/v1/tokens', {
        role,
        name: 'page',
      })
    ).body;

  it('refuses a wrong token, takes the right one, and keeps it in this tab only', async () => {
    const page = await pages.open(cluster.primary);
    await pages.signIn(page, 'skein_wrong');
    await page.getByText('The node does not know this token.').waitFor();
    expect(await page.locator('#members').count()).toBe(0);

    await pages.signIn(page);
    await page.locator('#members tbody tr').first().waitFor();
    expect(await page.locator('#sign-in').count()).toBe(0);
    expect(page.url()).toBe(`${cluster.primary.url}/`);
    expect(await page.evaluate('[localStorage.length, document.cookie]')).toEqual([0, '']);
    expect(await page.content()).not.toContain(cluster.token);

    await page.reload();
    await page.locator('#members tbody tr').first().waitFor();
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByLabel('Token').waitFor();
    expect(await page.evaluate('sessionStorage.length')).toBe(0);
  });

  it('takes over the token of a link, and removes it from the address', async () => {
    const page = await pages.open(cluster.primary, { path: `/#token=${cluster.token}` });
    await page.locator('#members tbody tr').first().waitFor();
    expect(page.url()).toBe(`${cluster.primary.url}/`);
    expect(await page.evaluate('history.length')).toBe(2);
  });

  it('signs out when the token is revoked', async () => {
    const { id, token } = await newToken('read');
    const page = await pages.open(cluster.primary);
    await pages.signIn(page, token);
    await page.locator('#members tbody tr').first().waitFor();
    await cluster.primary.request('DELETE', `/v1/tokens/${id}`);
    await page.getByText('This token is not known to the node, or was revoked.').waitFor();
  });

  it('shows what in the schema endangers the promise, as long as it is there', async () => {
    const page = await pages.openSignedIn(cluster.primary);
    await page.getByText('all is well').waitFor();
    await cluster.primary.sql('CREATE TABLE shop.keyless (a INT)');
    await page.locator('#cluster-warnings li', { hasText: 'No primary key: shop.keyless' }).waitFor();
    await page.getByText('see the warnings').waitFor();
    await cluster.primary.sql('DROP TABLE shop.keyless');
    await page.getByText('all is well').waitFor();
    expect(await page.locator('#cluster-warnings li').count()).toBe(0);
  });

  it('shows the members with their roles, lag and positions, live', async () => {
    const page = await pages.openSignedIn(cluster.primary);
    const texts = async () =>
      (await page.locator('#members tbody tr').allInnerTexts()).map((row) => row.split('\t'));
    await page.getByText('all is well').waitFor();
    const [first, second] = await texts();
    expect(first?.slice(0, 2)).toEqual(['n1 this node', 'primary']);
    expect(second?.slice(0, 2)).toEqual(['n2', 'replica']);
    expect(second?.[2]).toMatch(/^live for /);
    expect(second?.[3]).toMatch(/^\d/);
    expect(second?.[8]).toMatch(/^MariaDB [\d.]+ up$/);
    await cluster.primary.sql("INSERT INTO shop.orders (item) VALUES ('moves the positions')");
    const { positions } = (await cluster.primary.cluster()).members.find(({ name }) => name === 'n1') ?? {};
    await until('the page shows the new position everywhere', async () =>
      (await texts()).every((row) => row.slice(4, 8).every((shown) => shown === String(positions?.applied))),
    );
  });

  it('draws the last minutes, with the newest values below', async () => {
    const page = await pages.openSignedIn(cluster.node('n2'));
    const shown = (chart: string) => page.locator(`[data-chart="${chart}"] .u-legend`).textContent();
    await until('all charts have values', async () => {
      if ((await page.locator('.plots canvas').count()) !== 5) return false;
      const [throughput, lag, cpu, spool] = await Promise.all(
        ['throughput', 'lag', 'cpu', 'spool'].map(shown),
      );
      return (
        /committed\s*[\d.k]+ \/s/.test(throughput ?? '') &&
        /n2\s*[\d.k]+ ms/.test(lag ?? '') &&
        /n1\s*[\d.]+ %[\s\S]*n2\s*[\d.]+ %/.test(cpu ?? '') &&
        /n1\s*[\d.]+ MiB[\s\S]*n2\s*[\d.]+ MiB/.test(spool ?? '')
      );
    });
    const hour = page.getByRole('button', { name: '1 h' });
    const answered = page.waitForResponse('**/v1/history?seconds=3600');
    await hour.click();
    await answered;
    expect(await hour.getAttribute('aria-pressed')).toBe('true');
  });

  it('writes on the primary and shows every kind of value as it is', async () => {
    const page = await pages.openSignedIn(cluster.primary);
    await show(page, 'SQL');
    await runSql(page, "INSERT INTO shop.orders (item) VALUES ('goose feather');");
    const summary = page.locator('#sql-summary');
    expect(await summary.textContent()).toMatch(
      /^1 affected, insert id \d+ · .* · served by n1, the primary · position \S+$/,
    );
    expect(await page.locator('#sql-result').count()).toBe(0);

    await runSql(page, `SELECT ${VALUES.map(([expression], at) => `${expression} AS c${at}`).join(', ')}`);
    expect(await sqlCells(page)).toEqual(VALUES.map(([, shown]) => shown));
    expect(await summary.textContent()).toMatch(/^1 row · /);

    await writeSql(page, 'DELETE FROM shop.orders -- WHERE id = 1');
    await page.locator('#run').click();
    const asked = page.getByRole('dialog', { name: 'All rows?' });
    await asked.getByText('This DELETE has no WHERE: it deletes all rows.').waitFor();
    await asked.getByRole('button', { name: 'Cancel' }).click();
    await runSql(page, 'SELECT COUNT(*) > 0 FROM shop.orders');
    expect(await sqlCells(page), 'nothing was deleted').toEqual(['1']);
    await writeSql(page, 'UPDATE shop.orders SET item = UPPER(item)');
    await page.locator('#run').click();
    const answered = page.waitForResponse('**/v1/sql');
    await asked.getByRole('button', { name: 'Run it' }).click();
    await answered;
    await until('it says how many rows', async () =>
      /^[1-9]\d* affected/.test((await summary.textContent()) ?? ''),
    );

    await runSql(page, 'SELECT * FROM shop.nothing');
    expect(await page.locator('#sql-error').textContent()).toContain("Table 'shop.nothing' doesn't exist");
    expect(await page.locator('#sql-result').count()).toBe(0);
  });

  it('reads on a replica what was written, and says kindly where writes go', async () => {
    const { position } = await cluster.primary.sql(
      "INSERT INTO shop.orders (item) VALUES ('for the replica')",
    );
    const page = await pages.openSignedIn(cluster.node('n2'));
    await show(page, 'SQL');
    await page.getByText('n2 is a replica: reads work here, writes do not.').waitFor();
    await page.getByLabel('Wait for position').fill(position);
    await page.getByLabel('Database').fill('shop');
    await runSql(page, "SELECT item FROM orders WHERE item = 'for the replica'");
    expect(await sqlCells(page)).toEqual(['for the replica']);

    await runSql(page, 'DELETE FROM orders');
    const error = page.locator('#sql-error');
    expect(await error.textContent()).toMatch(/This node is not the primary\..*Nothing was changed\./);
    expect(await error.getByRole('link').getAttribute('href')).toBe(cluster.primary.url);
    expect(await cluster.primary.rows('SELECT COUNT(*) > 0 FROM shop.orders')).toEqual([[1]]);
  });

  it('follows the log, without the noise of its own polls', async () => {
    const page = await pages.openSignedIn(cluster.primary);
    await show(page, 'Activity');
    const lines = page.locator('#log p');
    await lines.first().waitFor();
    const before = await lines.count();
    await cluster.primary.sql('SELECT 1');
    await until('the request is in the log', async () => {
      const added = (await lines.allTextContents()).slice(before);
      return added.some((line) => line.includes('POST /v1/sql 200'));
    });
    expect(await page.locator('#log').textContent()).not.toContain('GET /v1/cluster 200');
    expect(await page.locator('#log').textContent()).not.toContain(cluster.token);
  });

  it('finds lines of the log and of the audit trail', async () => {
    const page = await pages.openSignedIn(cluster.primary);
    await show(page, 'Activity');
    await page.getByLabel('Only lines that contain').fill('no line says this, ever');
    await page.getByText('No line contains this.').waitFor();
    await page.getByLabel('Only lines that contain').fill('CREATE TABLE shop.orders');
    await page.getByText('No line contains this.').waitFor();
    await page.getByRole('radio', { name: 'Audit trail' }).check();
    await page.locator('#log p', { hasText: 'CREATE TABLE shop.orders' }).waitFor();
    await page.getByLabel('Only lines that contain').fill('audited_once_more');
    await cluster.primary.sql('SELECT id FROM shop.orders AS audited_once_more');
    await page.locator('#log p', { hasText: 'audited_once_more' }).first().waitFor();
  });

  it('offers nothing that the role may not do', async () => {
    const page = await pages.openSignedIn(cluster.primary);
    await page.getByRole('button', { name: 'Switch over' }).waitFor();
    await page.getByRole('button', { name: 'Seed anew ... of n2' }).waitFor();
    await page.getByRole('button', { name: 'Sign out' }).click();
    await pages.signIn(page, (await newToken('read')).token);
    await page.locator('.who', { hasText: 'read' }).waitFor();
    await page.locator('#members tbody tr').first().waitFor();
    expect(await page.getByRole('button', { name: /Switch over|Seed anew|Maintenance/ }).count()).toBe(0);
    await show(page, 'Activity');
    await page.locator('#log p').first().waitFor();
    expect(await page.getByRole('radio').count()).toBe(0);
  });

  it.each([WIDE, NARROW])('needs no scrolling sideways at $width px', async (viewport) => {
    const overflow = (page: Page) =>
      page.evaluate('document.documentElement.scrollWidth - document.documentElement.clientWidth');
    const page = await pages.open(cluster.node('n2'), { viewport });
    expect(await overflow(page)).toBe(0);
    await pages.signIn(page, `skein_${'wrong'.repeat(60)}`);
    await page.getByText('The node does not know this token.').waitFor();
    expect(await overflow(page)).toBe(0);
    await pages.signIn(page);
    await page.locator('#members tbody tr').first().waitFor();
    await page.locator('.topology svg').waitFor();
    expect(await overflow(page)).toBe(0);
    await show(page, 'Activity');
    await page.locator('#log p').first().waitFor();
    expect(await overflow(page)).toBe(0);
    await show(page, 'SQL');
    await runSql(
      page,
      `SELECT ${Array.from({ length: 40 }, (_, at) => `REPEAT('w', 90) AS c${at}`).join(', ')}`,
    );
    await page.locator('#sql-result').waitFor();
    expect(await overflow(page)).toBe(0);
    // All of it can be reached, by scrolling inside of its own frame.
    const frame = "document.querySelector('#sql-result')";
    expect(await page.evaluate(`${frame}.scrollWidth > ${frame}.clientWidth`)).toBe(true);
  });

  it('can be used with the keyboard alone, and keeps the focus while it refreshes', async () => {
    const page = await pages.open(cluster.primary);
    const focused = () =>
      page.evaluate<string>("document.activeElement.id || document.activeElement.textContent || ''");
    const tabUntil = async (wanted: string) => {
      const order: string[] = [];
      for (let presses = 0; presses < 20 && order.at(-1) !== wanted; presses++) {
        await page.keyboard.press('Tab');
        order.push(await focused());
      }
      expect(order.at(-1)).toBe(wanted);
    };
    await until('the page is ready for the token', async () => (await focused()) === 'token');
    await page.keyboard.type(cluster.token);
    await page.keyboard.press('Enter');
    await page.locator('#members tbody tr').first().waitFor();

    await until('the view has the focus', async () => (await focused()) === 'cluster-title');
    await tabUntil('n2');
    expect(await page.evaluate('getComputedStyle(document.activeElement).outlineStyle')).toBe('solid');
    const refreshed = async () => (await page.waitForResponse('**/v1/cluster')).finished();
    for (let times = 0; times < 2; times++) await refreshed();
    expect(await focused()).toBe('n2');

    await page.getByRole('link', { name: 'SQL' }).focus();
    await page.keyboard.press('Enter');
    await until('the next view has the focus', async () => (await focused()) === 'sql-title');
    await tabUntil('sql');
    await page.keyboard.type('SELECT 6 * 7');
    await page.keyboard.press('Control+Enter');
    await page.locator('#sql-result [role="gridcell"]').waitFor();
    expect(await sqlCells(page)).toEqual(['42']);
  });

  it('says that the node does not answer, and goes on by itself when it does again', async () => {
    const page = await pages.openSignedIn(cluster.primary);
    await page.context().setOffline(true);
    await page.getByText('The node does not answer.').waitFor();
    expect(await page.locator('#cluster').getAttribute('class')).toContain('stale');
    await page.context().setOffline(false);
    await page.locator('#cluster:not(.stale)').waitFor();
    expect(await page.locator('#connection').textContent()).toBe('');
    expect(pages.complaints({ away: true })).toEqual([]);
  });

  it.each(['light', 'dark'] as const)('has no serious finding of axe, %s', async (colorScheme) => {
    // axe is put into the page as a script, which the page itself would not run.
    const page = await pages.open(cluster.node('n2'), { bypassCSP: true, colorScheme });
    expect(await seriousFindings(page)).toEqual([]);
    await pages.signIn(page);
    await page.locator('.topology svg').waitFor();
    await page.locator('#events li').first().waitFor();
    expect(await seriousFindings(page)).toEqual([]);
    await show(page, 'Activity');
    await page.locator('#log p').first().waitFor();
    expect(await seriousFindings(page)).toEqual([]);
    await show(page, 'SQL');
    await runSql(page, 'DELETE FROM shop.orders');
    await page.locator('#sql-error').waitFor();
    expect(await seriousFindings(page)).toEqual([]);
    await runSql(page, 'SELECT 1 AS one, NULL AS nothing');
    expect(await seriousFindings(page)).toEqual([]);
  });

  it('is small: 300 kB in all, 120 kB for the first view, compressed', async () => {
    const built = join(import.meta.dirname, '../../dist/console');
    const files = readdirSync(built).filter((name) => name.endsWith('.gz'));
    expect(files.length).toBeGreaterThan(4);
    const bytes = files.reduce((sum, name) => sum + statSync(join(built, name)).size, 0);
    expect(bytes).toBeLessThan(300_000);

    const context = await browser.newContext();
    const page = await context.newPage();
    const loaded: Response[] = [];
    page.on('response', (response) => loaded.push(response));
    await page.goto(`${cluster.primary.url}/#token=${cluster.token}`);
    await page.locator('.topology svg').waitFor();
    const own = loaded.filter((response) => !/\/v1\/|\/health$/.test(response.url()));
    const sizes = await Promise.all(own.map((response) => response.request().sizes()));
    expect(own.length).toBeGreaterThanOrEqual(4);
    expect(own.every((response) => response.url().startsWith(cluster.primary.url))).toBe(true);
    expect(sizes.reduce((sum, { responseBodySize }) => sum + responseBodySize, 0)).toBeLessThan(120_000);
    // A script and a style sheet come compressed, and are kept: their names change with their content.
    for (const response of own.filter((each) => /\.(js|css)$/.test(each.url()))) {
      expect(response.headers()).toMatchObject({
        'content-encoding': 'gzip',
        'cache-control': 'public, max-age=31536000, immutable',
      });
    }
    await context.close();
  });

  it('runs no script but its own', async () => {
    const page = await pages.open(cluster.primary);
    const tried = await page.evaluate(`(async () => {
      const violation = new Promise((resolve) => {
        document.addEventListener('securitypolicyviolation', (event) => resolve(event.effectiveDirective));
      });
      const script = document.createElement('script');
      script.textContent = 'window.injected = true';
      document.body.append(script);
      return { directive: await violation, injected: 'injected' in window };
    })()`);
    expect(tried).toEqual({ directive: 'script-src-elem', injected: false });
    expect(pages.complaints().join()).toContain('Content Security Policy');
  });
});
