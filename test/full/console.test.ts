/** The console while things happen to the cluster: a real browser, real nodes that die and come back. */
import type { Browser, Locator, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { launch, obtainBrowser } from '../kit/browser.js';
import { showLogsOnFailure, TestCluster } from '../kit/cluster.js';
import { ConsolePages, runSql, show, sqlCells } from '../kit/console-page.js';
import { until } from '../kit/until.js';

const obtained = await obtainBrowser();
const because = obtained.kind === 'missing' ? ` (${obtained.reason})` : '';
const HOSTILE = '<img src=x onerror=alert(1)>';

describe.skipIf(obtained.kind === 'missing')(`the console${because}`, () => {
  let browser: Browser;
  let cluster: TestCluster;
  let pages: ConsolePages;
  showLogsOnFailure(() => cluster);

  beforeAll(async () => {
    const command = obtained.kind === 'found' ? obtained.command : '';
    // Without a supervisor: what is killed stays away until it is started again.
    [cluster, browser] = await Promise.all([TestCluster.start({ first: 3 }), launch(command)]);
    pages = new ConsolePages(browser, cluster);
  });

  afterAll(async () => {
    await browser?.close();
    await cluster?.dispose();
  });

  afterEach(async () => {
    await pages.closeAll();
    for (const name of [...killed]) await bringBack(name);
    expect(pages.complaints({ away: true })).toEqual([]);
  });

  const card = (page: Page, name: string) => page.locator(`.node[data-node="${name}"]`);
  const cardIn = (page: Page, name: string, ...states: string[]) =>
    page.locator(states.map((state) => `.node[data-node="${name}"][data-state="${state}"]`).join(', '));

  const killed = new Set<string>();

  async function kill(name: string): Promise<void> {
    killed.add(name);
    await cluster.node(name).kill('node');
    await cluster.node(name).kill('server');
    await cluster.untilNodeEnded(name);
  }

  async function bringBack(name: string): Promise<void> {
    cluster.startNode(name);
    killed.delete(name);
    await cluster.node(name).untilReady();
    await cluster.untilFollowed();
  }

  /** It stands on the upper edge of the card, in its middle. */
  async function wearsCrown(page: Page, node: Locator): Promise<boolean> {
    const [crown, box] = await Promise.all([
      page.locator('.crown.leads').boundingBox(),
      node.locator('.card').boundingBox(),
    ]);
    if (crown === null || box === null) return false;
    const dx = crown.x + crown.width / 2 - (box.x + box.width / 2);
    const dy = crown.y + crown.height - box.y;
    return Math.abs(dx) < 3 && Math.abs(dy) < 6;
  }

  it('shows a replica that is killed, and that it is back', async () => {
    await cluster.makePrimary('n1');
    const page = await pages.openSignedIn(cluster.primary);
    await page.getByText('all is well').waitFor();
    expect(await page.locator('.link.broken').count()).toBe(0);
    await kill('n3');
    await cardIn(page, 'n3', 'late', 'gone').waitFor();
    await page.locator('.link.broken', { hasText: 'no link' }).waitFor();
    await page.getByText('look at n3').waitFor();
    expect(await page.locator('.topology svg').getAttribute('aria-label')).toMatch(
      /n3, replica, (late|gone)/,
    );
    await bringBack('n3');
    await cardIn(page, 'n3', 'live').waitFor();
    await page.getByText('all is well').waitFor();
    expect(await page.locator('.link.broken').count()).toBe(0);
  });

  it('shows a failover: the crown goes to the new primary, which takes the first place', async () => {
    await cluster.makePrimary('n1');
    const page = await pages.openSignedIn(cluster.node('n2'));
    await page.getByText('all is well').waitFor();
    await until('the crown is on n1', () => wearsCrown(page, card(page, 'n1')));
    const first = await card(page, 'n1').locator('.card').boundingBox();
    await kill('n1');
    const { name } = await cluster.untilPrimary();
    await until(`the crown is on ${name}, in the first place`, async () => {
      const place = await card(page, name).locator('.card').boundingBox();
      return (await wearsCrown(page, card(page, name))) && place?.y === first?.y;
    });
    await page.locator('#outlook', { hasText: `${name} took over from n1` }).waitFor();
    await page.locator('#events', { hasText: 'election' }).waitFor();
    expect(await page.locator('#facts').textContent()).toContain(`Primary${name}`);
    await bringBack('n1');
    await cardIn(page, 'n1', 'live').waitFor();
    await page.getByText('all is well').waitFor();
  });

  it('goes on through another node when its own dies, and comes back by itself', async () => {
    await cluster.makePrimary('n1');
    const page = await pages.openSignedIn(cluster.node('n2'));
    await page.getByText('all is well').waitFor();
    // The other views come right after the first one.
    const isLoaded =
      "['sql-view', 'editor'].every((file) => performance.getEntriesByType('resource').some(({ name }) => name.includes(file)))";
    await until('the view SQL is loaded', () => page.evaluate(isLoaded));
    await kill('n2');
    await page.getByText(/^n2 does not answer\./).waitFor();
    await page.getByText(/This page goes on through n[13]/).waitFor();
    await cardIn(page, 'n2', 'late', 'gone').waitFor();
    expect(await page.locator('#cluster').getAttribute('class')).not.toContain('stale');
    await show(page, 'SQL');
    await runSql(page, 'SELECT 6 * 7');
    expect(await page.locator('#sql-summary').textContent()).toMatch(/· served by n[13],/);
    await bringBack('n2');
    await until(
      'no word of it is left',
      async () => (await page.locator('#connection').textContent()) === '',
    );
    await runSql(page, 'SELECT 6 * 7');
    expect(await page.locator('#sql-summary').textContent()).toContain('· served by n2, ');
  });

  it('switches over by button: dry run, then the name typed', async () => {
    await cluster.makePrimary('n1');
    const page = await pages.openSignedIn(cluster.node('n3'));
    await page.getByRole('button', { name: 'Switch over' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel('Next primary').selectOption('n2');
    expect(await dialog.getByRole('button', { name: 'Switch over' }).count()).toBe(0);
    await dialog.getByRole('button', { name: 'Dry run' }).click();
    await dialog.getByText('n2 would take over from n1.').waitFor();
    expect((await cluster.primary.cluster()).primary).toBe('n1');
    const doIt = dialog.getByRole('button', { name: 'Switch over' });
    await dialog.getByLabel(/to confirm/).fill('n1');
    expect(await doIt.isDisabled()).toBe(true);
    await dialog.getByLabel(/to confirm/).fill('n2');
    await doIt.click();
    await dialog.getByText(/n2 is the primary now/).waitFor();
    await dialog.getByRole('button', { name: 'Close' }).click();
    await until('the crown is on n2', () => wearsCrown(page, card(page, 'n2')));
    expect((await cluster.untilPrimary()).name).toBe('n2');
  });

  it('begins and ends the maintenance of another node, and seeds one anew', async () => {
    await cluster.makePrimary('n1');
    const page = await pages.openSignedIn(cluster.primary);
    const confirm = async (button: string, name: string) => {
      const dialog = page.getByRole('dialog');
      await dialog.getByLabel(/to confirm/).fill(name);
      await dialog.getByRole('button', { name: button }).click();
      await dialog.getByRole('button', { name: 'Close' }).click();
    };
    await page.getByRole('button', { name: 'Maintenance ... of n2' }).click();
    await confirm('Begin maintenance', 'n2');
    await page.locator('#members .notes', { hasText: 'It is in maintenance' }).waitFor();
    await card(page, 'n2').getByText('maintenance').waitFor();
    await page.getByRole('button', { name: 'End maintenance ... of n2' }).click();
    await confirm('End maintenance', 'n2');
    await page.locator('#members .notes', { hasText: 'It is in maintenance' }).waitFor({ state: 'detached' });

    await page.getByRole('button', { name: 'Seed anew ... of n3' }).click();
    await confirm('Replace its data', 'n3');
    await page.locator('#members .notes', { hasText: 'It is being filled' }).waitFor();
    await page.getByText('all is well').waitFor({ timeout: 90_000 });
    await page.locator('#members .notes').waitFor({ state: 'detached' });
  });

  it('shows as text whatever the database says', async () => {
    await cluster.makePrimary('n1');
    const page = await pages.openSignedIn(cluster.primary);
    page.on('dialog', (dialog) => {
      throw new Error(`a script ran: ${dialog.message()}`);
    });
    await cluster.primary.sql('CREATE DATABASE IF NOT EXISTS hostile');
    await cluster.primary.sql(`CREATE TABLE hostile.\`${HOSTILE}\` (\`${HOSTILE}\` TEXT)`);
    // Without a key: a warning of the cluster has its name.
    await page.locator('#cluster-warnings li', { hasText: HOSTILE }).waitFor();
    await show(page, 'SQL');
    await runSql(page, `INSERT INTO hostile.\`${HOSTILE}\` VALUES ('${HOSTILE}')`);
    await runSql(page, `SELECT * FROM hostile.\`${HOSTILE}\``);
    expect(await page.locator('#sql-result [role="columnheader"]').allTextContents()).toEqual([HOSTILE]);
    expect(await sqlCells(page)).toEqual([HOSTILE]);
    await runSql(page, `SELECT * FROM hostile.\`${HOSTILE}${HOSTILE}\``);
    expect(await page.locator('#sql-error').textContent()).toContain(HOSTILE);
    await show(page, 'Activity');
    await page.getByRole('radio', { name: 'Audit trail' }).check();
    await page.locator('#log p', { hasText: HOSTILE }).first().waitFor();
    expect(await page.locator('img:not([src="icon.svg"])').count()).toBe(0);
    await cluster.primary.sql('DROP DATABASE hostile');
  });
});
