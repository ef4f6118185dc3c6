/** The console's orders about members, and about the rows that they should have alike: a real browser and a real cluster. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { launch, obtainBrowser } from '../kit/browser.js';
import { waitApplied } from '../kit/checksum.js';
import { showLogsOnFailure, TestCluster } from '../kit/cluster.js';
import { ConsolePages, NARROW, seriousFindings } from '../kit/console-page.js';
import { freePorts } from '../kit/processes.js';
import { SetUpNode } from '../kit/set-up-node.js';
import { run, withSql } from '../kit/sql-node.js';

const obtained = await obtainBrowser();
const because = obtained.kind === 'missing' ? ` (${obtained.reason})` : '';

describe.skipIf(obtained.kind === 'missing')(`the console${because}`, () => {
  let browser: Browser;
  let cluster: TestCluster;
  let pages: ConsolePages;
  let base: string;
  let witness: SetUpNode | null = null;
  showLogsOnFailure(() => cluster);

  beforeAll(async () => {
    const command = obtained.kind === 'found' ? obtained.command : '';
    base = await mkdtemp(join(tmpdir(), 'skein-joins-'));
    [cluster, browser] = await Promise.all([TestCluster.start({ replicas: 1 }), launch(command)]);
    pages = new ConsolePages(browser, cluster);
    await cluster.primary.sql('CREATE DATABASE shop');
    await cluster.primary.sql('CREATE TABLE shop.orders (id INT PRIMARY KEY, v INT)');
    await cluster.primary.sql('INSERT INTO shop.orders VALUES (1, 1), (2, 2), (3, 3)');
    await waitApplied(cluster.primary, cluster.replicas);
  });

  afterAll(async () => {
    await browser?.close();
    await witness?.end();
    await cluster?.dispose();
    await rm(base, { recursive: true, force: true });
  });

  afterEach(async () => {
    expect(pages.complaints()).toEqual([]);
    await pages.closeAll();
  });

  const dialog = (page: Page) => page.getByRole('dialog');
  const membersIn = (page: Page) => page.locator('#members td.name').allTextContents();

  it('adds a member by the line that it shows, and removes it by its typed name', async () => {
    const page = await pages.openSignedIn(cluster.primary);
    await page.getByRole('button', { name: 'Add ...' }).click();
    await dialog(page)
      .getByLabel(/a witness/)
      .check();
    await dialog(page).getByRole('button', { name: 'Make a join token' }).click();
    const line = (await page.locator('#join-line').textContent()) ?? '';
    expect(line).toMatch(/^skein join http:\/\/127\.0\.0\.1:\d+ --token skein_join_\S+ --witness$/);
    await dialog(page)
      .getByText(/listen on their own machine only/)
      .waitFor();
    expect(await page.locator('#newcomers').textContent()).toBe('Nobody has come yet.');
    const port = await freePorts([0, 1]);
    witness = new SetUpNode({
      directory: join(base, 'w1'),
      host: '127.0.0.1',
      ports: [port, port + 1, null],
    });
    witness.token = cluster.token;
    const joined = await witness.setUp([
      ...line.split(' ').slice(1),
      '--listen',
      '127.0.0.1',
      '--name',
      'w1',
    ]);
    expect(joined.code, joined.stderr).toBe(0);
    witness.start();
    await page.locator('#newcomers', { hasText: 'w1 has joined.' }).waitFor();
    await dialog(page).getByRole('button', { name: 'Close' }).click();
    await page.locator('.node[data-node="w1"][data-state="live"]').waitFor();
    await page.locator('#members', { hasText: 'w1' }).waitFor();

    await page.getByRole('button', { name: 'Remove ... of w1' }).click();
    await dialog(page)
      .getByText('Then 2 voters are left. Then the loss of one of them stops writes.')
      .waitFor();
    const remove = dialog(page).getByRole('button', { name: 'Remove it from the cluster' });
    expect(await remove.isDisabled()).toBe(true);
    await dialog(page).getByLabel('Type w1 to confirm').fill('w1');
    await remove.click();
    await dialog(page).getByText('w1 is no longer a member.').waitFor();
    await dialog(page).getByRole('button', { name: 'Close' }).click();
    await page.locator('#members td.name', { hasText: 'w1' }).waitFor({ state: 'detached' });
    expect((await cluster.primary.cluster()).members.map(({ name }) => name)).toEqual(['n1', 'n2']);
  });

  it('offers the removal of a replica, and never that of the primary', async () => {
    const page = await pages.openSignedIn(cluster.primary);
    expect(await membersIn(page)).toHaveLength(2);
    expect(await page.getByRole('button', { name: 'Remove ... of n2' }).count()).toBe(1);
    expect(await page.getByRole('button', { name: 'Remove ... of n1' }).count()).toBe(0);
  });

  it('finds a row that differs on a replica, and repairs it after the cluster was typed', async () => {
    await withSql(cluster.node('n2'), async (sql) => {
      await run(sql, 'SET SESSION sql_log_bin = 0');
      await run(sql, 'SET GLOBAL read_only = 0');
      await run(sql, 'UPDATE shop.orders SET v = 20 WHERE id = 2');
      await run(sql, 'SET GLOBAL read_only = 1');
    });
    const page = await pages.openSignedIn(cluster.primary);
    await page.getByRole('button', { name: 'Compare ...' }).click();
    await dialog(page).getByLabel('Table', { exact: true }).fill('orders');
    await dialog(page).getByRole('button', { name: 'Compare' }).click();
    await dialog(page).getByText('Name the database of the table too.').waitFor();
    await dialog(page).getByLabel('Database').fill('shop');
    await dialog(page).getByRole('button', { name: 'Compare' }).click();
    const row = page.locator('#compared tbody', { hasText: 'shop.orders' });
    await row.getByText('differs', { exact: true }).waitFor();
    expect(await row.textContent()).toContain('the primary has 3 rows, n2 has 3 rows.');
    await page.locator('#comparison', { hasText: 'Rows differ in 1 of 1 table' }).waitFor();
    if (process.env.SKEIN_SHOTS)
      await page.screenshot({ path: `${process.env.SKEIN_SHOTS}/differs.png`, fullPage: true });

    await page.getByRole('button', { name: 'Repair ...' }).click();
    await dialog(page)
      .getByLabel(/^Type .* to confirm$/)
      .fill((await cluster.primary.cluster()).cluster);
    await dialog(page).getByRole('button', { name: 'Compare and repair' }).click();
    await row.getByText('repaired', { exact: true }).waitFor();
    const { results } = await cluster.node('n2').sql('SELECT v FROM shop.orders WHERE id = 2');
    expect(results[0]?.rows).toEqual([[2]]);
  });

  it('shows the line that makes a backup', async () => {
    const page = await pages.openSignedIn(cluster.node('n2'));
    await page.getByRole('button', { name: 'Backup ...' }).click();
    expect(await page.locator('#backup-line').textContent()).toBe(
      `SKEIN_URL=${cluster.primary.url} skein backup /backups`,
    );
  });

  it('offers a reader none of this', async () => {
    const page = await pages.open(cluster.primary);
    const { body } = await cluster.primary.request<{ token: string }>('POST', '/v1/tokens', {
      name: 'r',
      role: 'read',
    });
    await pages.signIn(page, body.token);
    await page.locator('#comparison').waitFor();
    for (const name of ['Add ...', 'Backup ...', 'Compare ...', 'Repair ...', 'Remove ... of n2'])
      expect(await page.getByRole('button', { name }).count(), name).toBe(0);
  });

  it.each(['light', 'dark'] as const)('axe finds nothing serious in the dialogs, %s', async (colorScheme) => {
    const page = await pages.openSignedIn(cluster.primary, {
      bypassCSP: true,
      colorScheme,
      viewport: NARROW,
    });
    await page.locator('#comparison').waitFor();
    for (const [name, wait] of [
      ['Add ...', 'a witness'],
      ['Backup ...', 'Run this where'],
      ['Compare ...', 'Every node adds up'],
      ['Repair ...', 'The rows are compared again'],
      ['Remove ... of n2', 'keeps its data'],
    ] as const) {
      await page.getByRole('button', { name }).click();
      await dialog(page).getByText(new RegExp(wait)).first().waitFor();
      expect(await seriousFindings(page), name).toEqual([]);
      if (process.env.SKEIN_SHOTS)
        await page.screenshot({
          path: `${process.env.SKEIN_SHOTS}/${colorScheme}-${wait.slice(0, 6).trim()}.png`,
        });
      await page.keyboard.press('Escape');
    }
  });
});
