import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { launch, obtainBrowser } from '../kit/browser.js';
import { showLogsOnFailure, TestCluster } from '../kit/cluster.js';
import type { TestNode } from '../kit/test-node.js';
import { until } from '../kit/until.js';

/** The page at `/`, as a person meets it: a real browser, real nodes. */

const obtained = await obtainBrowser();
const because = obtained.kind === 'missing' ? ` (${obtained.reason})` : '';

const WIDE = { width: 1200, height: 900 };
const NARROW = { width: 480, height: 900 };
/** What a browser itself says of an answer that is a refusal: it is asked for here. */
const REFUSAL = /^Failed to load resource: the server responded with a status of 4\d\d/;

const VALUES: [expression: string, shown: string][] = [
  ['CAST(-7 AS SIGNED)', '-7'],
  ['CAST(18446744073709551615 AS UNSIGNED)', '18446744073709551615'],
  ["CAST('12.50' AS DECIMAL(10,2))", '12.50'],
  ['1.5e0', '1.5'],
  ['NULL', 'NULL'],
  ["''", ''],
  ["'Grüße, 雁 🪶'", 'Grüße, 雁 🪶'],
  ["'<img src=x onerror=alert(1)>'", '<img src=x onerror=alert(1)>'],
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
  const opened: Page[] = [];
  const complaints: string[] = [];
  showLogsOnFailure(() => cluster);

  beforeAll(async () => {
    const command = obtained.kind === 'found' ? obtained.command : '';
    [cluster, browser] = await Promise.all([TestCluster.start({ replicas: 1 }), launch(command)]);
    await cluster.primary.sql('CREATE DATABASE shop');
    await cluster.primary.sql('CREATE TABLE shop.orders (id INT PRIMARY KEY AUTO_INCREMENT, item TEXT)');
  });

  afterAll(async () => {
    await browser?.close();
    await cluster?.dispose();
  });

  /** Nothing on the page may fail unheard, whatever a test looks at. */
  afterEach(async () => {
    for (const page of opened.splice(0)) await page.context().close();
    expect(complaints.splice(0)).toEqual([]);
  });

  async function open(node: TestNode, options: BrowserContextOptions = {}): Promise<Page> {
    const context = await browser.newContext({ viewport: WIDE, ...options });
    const page = await context.newPage();
    page.setDefaultTimeout(45_000);
    opened.push(page);
    page.on('pageerror', (error) => complaints.push(error.message));
    page.on('console', (message) => {
      const isWorth = message.type() === 'error' || message.type() === 'warning';
      if (isWorth && !REFUSAL.test(message.text())) complaints.push(message.text());
    });
    await page.goto(node.url);
    return page;
  }

  async function signIn(page: Page, token = cluster.token): Promise<void> {
    await page.getByLabel('Token').fill(token);
    await page.getByRole('button', { name: 'Sign in' }).click();
  }

  async function openSignedIn(node: TestNode, options?: BrowserContextOptions): Promise<Page> {
    const page = await open(node, options);
    await signIn(page);
    await page.locator('#members tbody tr').first().waitFor();
    return page;
  }

  async function runSql(page: Page, sql: string): Promise<void> {
    await page.getByLabel('Statement').fill(sql);
    const answered = page.waitForResponse('**/v1/sql');
    await page.getByRole('button', { name: 'Run' }).click();
    await (await answered).finished();
    await page.locator('#run:enabled').waitFor();
  }

  const cellsOf = (page: Page) => page.locator('#sql-result tbody td').allTextContents();

  it('refuses a wrong token, takes the right one, and keeps it in this tab only', async () => {
    const page = await open(cluster.primary);
    await signIn(page, 'skein_wrong');
    await page.getByText('The node does not know this token.').waitFor();
    expect(await page.locator('#signed-in').isVisible()).toBe(false);

    await signIn(page);
    await page.locator('#members tbody tr').first().waitFor();
    expect(await page.locator('#sign-in').isVisible()).toBe(false);
    expect(page.url()).toBe(`${cluster.primary.url}/`);
    expect(await page.evaluate('[localStorage.length, document.cookie]')).toEqual([0, '']);
    expect(await page.content()).not.toContain(cluster.token);

    await page.reload();
    await page.locator('#members tbody tr').first().waitFor();
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByLabel('Token').waitFor();
    expect(await page.evaluate('sessionStorage.length')).toBe(0);
  });

  it('signs out when the token is revoked', async () => {
    const { body } = await cluster.primary.request<{ id: string; token: string }>('POST', '/v1/tokens', {
      role: 'read',
      name: 'page',
    });
    const page = await open(cluster.primary);
    await signIn(page, body.token);
    await page.locator('#members tbody tr').first().waitFor();
    await cluster.primary.request('DELETE', `/v1/tokens/${body.id}`);
    await page.getByText('This token is not known to the node, or was revoked.').waitFor();
  });

  it('shows what in the schema endangers the promise, as long as it is there', async () => {
    const page = await openSignedIn(cluster.primary);
    await page.getByText('all is well').waitFor();
    await cluster.primary.sql('CREATE TABLE shop.keyless (a INT)');
    await page.locator('#cluster-warnings li', { hasText: 'No primary key: shop.keyless' }).waitFor();
    await page.getByText('see the warnings').waitFor();
    await cluster.primary.sql('DROP TABLE shop.keyless');
    await page.getByText('all is well').waitFor();
    expect(await page.locator('#cluster-warnings li').count()).toBe(0);
  });

  it('shows the members with their roles, lag and positions, live', async () => {
    const page = await openSignedIn(cluster.primary);
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

  it('writes on the primary and shows every kind of value as it is', async () => {
    const page = await openSignedIn(cluster.primary);
    await runSql(page, "INSERT INTO shop.orders (item) VALUES ('goose feather');");
    const summary = page.locator('#sql-summary');
    expect(await summary.textContent()).toMatch(
      /^1 affected, insert id \d+ · .* · n1 \(primary\) · position \S+$/,
    );
    expect(await page.locator('#sql-result').isVisible()).toBe(false);

    await runSql(page, `SELECT ${VALUES.map(([expression], at) => `${expression} AS c${at}`).join(', ')}`);
    expect(await cellsOf(page)).toEqual(VALUES.map(([, shown]) => shown));
    expect(await summary.textContent()).toMatch(/^1 row · /);

    await runSql(page, 'SELECT * FROM shop.nothing');
    expect(await page.locator('#sql-error').textContent()).toContain("Table 'shop.nothing' doesn't exist");
    expect(await page.locator('#sql-result').isVisible()).toBe(false);
  });

  it('reads on a replica what was written, and says kindly where writes go', async () => {
    const { position } = await cluster.primary.sql(
      "INSERT INTO shop.orders (item) VALUES ('for the replica')",
    );
    const page = await openSignedIn(cluster.node('n2'));
    await page.getByText('n2 is a replica: reads work here, writes do not.').waitFor();
    await page.getByLabel('Wait for position').fill(position);
    await page.getByLabel('Database').fill('shop');
    await runSql(page, "SELECT item FROM orders WHERE item = 'for the replica'");
    expect(await cellsOf(page)).toEqual(['for the replica']);

    await runSql(page, 'DELETE FROM orders');
    const error = page.locator('#sql-error');
    expect(await error.textContent()).toMatch(/This node is not the primary\..*Nothing was changed\./);
    expect(await error.getByRole('link').getAttribute('href')).toBe(cluster.primary.url);
    expect(await cluster.primary.rows('SELECT COUNT(*) > 0 FROM shop.orders')).toEqual([[1]]);
  });

  it('follows the log, without the noise of its own polls', async () => {
    const page = await openSignedIn(cluster.primary);
    const lines = page.locator('#log p');
    await lines.first().waitFor();
    const before = await lines.count();
    await runSql(page, 'SELECT 1');
    await until('the request is in the log', async () => {
      const added = (await lines.allTextContents()).slice(before);
      return added.some((line) => line.includes('POST /v1/sql 200'));
    });
    expect(await page.locator('#log').textContent()).not.toContain('GET /v1/cluster 200');
    expect(await page.locator('#log').textContent()).not.toContain(cluster.token);
  });

  it.each([WIDE, NARROW])('needs no scrolling sideways at $width px', async (viewport) => {
    const overflow = (page: Page) =>
      page.evaluate('document.documentElement.scrollWidth - document.documentElement.clientWidth');
    const page = await open(cluster.node('n2'), { viewport });
    expect(await overflow(page)).toBe(0);
    await signIn(page, `skein_${'wrong'.repeat(60)}`);
    await page.getByText('The node does not know this token.').waitFor();
    expect(await overflow(page)).toBe(0);
    await signIn(page);
    await page.locator('#log p').first().waitFor();
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
    const page = await open(cluster.primary);
    const focused = () =>
      page.evaluate<string>("document.activeElement.id || document.activeElement.textContent || ''");
    await until('the page is ready for the token', async () => (await focused()) === 'token');
    await page.keyboard.type(cluster.token);
    await page.keyboard.press('Enter');
    await page.locator('#members tbody tr').first().waitFor();

    expect(await focused()).toBe('cluster-title');
    const order: string[] = [];
    for (let presses = 0; presses < 20 && order.at(-1) !== 'sql'; presses++) {
      await page.keyboard.press('Tab');
      order.push(await focused());
      if (order.at(-1) !== 'n2') continue;
      const outline = await page.evaluate('getComputedStyle(document.activeElement).outlineStyle');
      expect(outline).toBe('solid');
      const refreshed = async () => (await page.waitForResponse('**/v1/cluster')).finished();
      for (let times = 0; times < 2; times++) await refreshed();
      expect(await focused()).toBe('n2');
    }
    expect(order).toEqual(['n2', expect.stringMatching(/^Events/), 'sql']);
    await page.keyboard.type('SELECT 6 * 7');
    await page.keyboard.press('Control+Enter');
    await page.locator('#sql-result td').waitFor();
    expect(await cellsOf(page)).toEqual(['42']);
  });

  it('says that the node does not answer, and goes on by itself when it does again', async () => {
    const page = await openSignedIn(cluster.primary);
    await page.context().setOffline(true);
    await page.getByText('The node does not answer.').waitFor();
    expect(await page.locator('#cluster').getAttribute('class')).toContain('stale');
    await page.context().setOffline(false);
    await page.locator('#cluster:not(.stale)').waitFor();
    expect(await page.locator('#connection').textContent()).toBe('');
    expect(complaints.splice(0).every((text) => text.includes('ERR_INTERNET_DISCONNECTED'))).toBe(true);
  });

  it('runs no script but its own', async () => {
    const page = await open(cluster.primary);
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
    expect(complaints.splice(0).join()).toContain('Content Security Policy');
  });
});
