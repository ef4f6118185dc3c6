import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { launch, obtainBrowser } from '../kit/browser.js';
import { showLogsOnFailure, TestCluster } from '../kit/cluster.js';
import { ConsolePages, NARROW, seriousFindings, show, WIDE } from '../kit/console-page.js';
import type { TestNode } from '../kit/test-node.js';
import { until } from '../kit/until.js';

/** Data, access and statements in the console: a real browser, real nodes. */

const obtained = await obtainBrowser();
const because = obtained.kind === 'missing' ? ` (${obtained.reason})` : '';

const HOSTILE = '<img src=x onerror=alert(1)>';
/** Everything that a name could end or begin, within the 64 characters of a name. */
const HOSTILE_TABLE = `${HOSTILE} \`?\` :a -- '"%#/`;
const quoted = (name: string) => `\`${name.replaceAll('`', '``')}\``;

describe.skipIf(obtained.kind === 'missing')(`data, access and statements in the console${because}`, () => {
  let browser: Browser;
  let cluster: TestCluster;
  let pages: ConsolePages;
  showLogsOnFailure(() => cluster);

  beforeAll(async () => {
    const command = obtained.kind === 'found' ? obtained.command : '';
    // One test stops the replica for a moment.
    const starting = TestCluster.start({ replicas: 1, patient: true });
    [cluster, browser] = await Promise.all([starting, launch(command)]);
    pages = new ConsolePages(browser, cluster);
    const { primary } = cluster;
    await primary.sql('CREATE DATABASE shop');
    await primary.sql(`CREATE TABLE shop.orders (id INT PRIMARY KEY AUTO_INCREMENT, item VARCHAR(80) NOT NULL,
      price DECIMAL(10,2) NOT NULL DEFAULT 1.50, note TEXT, KEY by_item (item)) COMMENT 'What was bought'`);
    const rows = Array.from({ length: 250 }, (_, at) => `('item ${at + 1}')`).join(', ');
    await primary.sql(`INSERT INTO shop.orders (item) VALUES ${rows}`);
    await primary.sql('CREATE TABLE shop.keyless (a INT, b TEXT)');
    const states = "ENUM('new', 'it''s paid', 'sent')";
    await primary.sql(
      `CREATE TABLE shop.states (id INT PRIMARY KEY, state ${states} NOT NULL DEFAULT 'new', old ${states})`,
    );
    await primary.sql("INSERT INTO shop.keyless VALUES (1, 'one')");
    await primary.sql(`CREATE DATABASE ${quoted(HOSTILE)}`);
    const columns = `${quoted(HOSTILE)} VARCHAR(80) PRIMARY KEY, ${quoted('a`b?')} TEXT COMMENT '${HOSTILE}'`;
    await primary.sql(`CREATE TABLE ${quoted(HOSTILE)}.${quoted(HOSTILE_TABLE)} (${columns})`);
    await primary.sql(`INSERT INTO ${quoted(HOSTILE)}.${quoted(HOSTILE_TABLE)} VALUES ('${HOSTILE}', 'old')`);
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

  const openTable = async (node: TestNode, table: string, options = {}) => {
    const page = await pages.openSignedIn(node, options);
    await show(page, 'Data');
    await page.getByRole('link', { name: table, exact: true }).click();
    await page.locator('#rows').waitFor();
    return page;
  };
  const cells = (page: Page, line: number) =>
    page.locator('#grid tbody tr').nth(line).locator('td:not(.actions)').allTextContents();
  const preview = (page: Page) => page.getByRole('region', { name: 'Statement' });
  /** Of the form: the names of its other controls hold the column's too. */
  const field = (page: Page, column: string) =>
    page
      .getByRole('dialog')
      .getByRole('textbox', { name: `${column} `, exact: false })
      .first();
  const choice = (page: Page, column: string) =>
    page.getByRole('dialog').getByRole('combobox', { name: `${column} `, exact: false });
  const overflow = (page: Page) =>
    page.evaluate('document.documentElement.scrollWidth - document.documentElement.clientWidth');

  it('shows databases and tables with their sizes, and finds them', async () => {
    const page = await pages.openSignedIn(cluster.primary);
    await show(page, 'Data');
    const row = page.getByRole('row', { name: /^orders / });
    await row.waitFor();
    expect((await row.allInnerTexts()).join()).toMatch(
      /^orders\tInnoDB\t≈ \d+\t[\d.]+ kB\t[\d.]+ kB\tWhat was bought$/,
    );
    await page.getByLabel('Only tables whose name contains').fill('keyl');
    await until('only what matches is listed', async () => (await row.count()) === 0);
    await page.getByRole('link', { name: 'keyless' }).waitFor();
    await page.getByLabel('Only tables whose name contains').fill('no such table');
    await page.getByText('No table has this in its name.').waitFor();
  });

  it('shows the columns, keys and definition of a table', async () => {
    const page = await openTable(cluster.primary, 'orders');
    await page.getByRole('link', { name: 'Structure' }).click();
    await page.locator('#ddl').waitFor();
    expect((await page.locator('#columns tbody tr').allInnerTexts())[0]).toBe(
      'idkey\tint(11)\tno\t–\tauto increment',
    );
    const indexes = await page.locator('#indexes tbody tr').allInnerTexts();
    expect(indexes).toEqual(['PRIMARY\tid\tyes\tBTREE', 'by_item\titem\tno\tBTREE']);
    expect(await page.locator('#ddl').textContent()).toContain('CREATE TABLE `orders`');
    await page.reload();
    await page.locator('#ddl').waitFor();
  });

  it('goes through the rows page by page, in both directions and orders', async () => {
    const page = await openTable(cluster.primary, 'orders');
    await page.locator('#grid').waitFor();
    expect((await cells(page, 0)).slice(0, 3)).toEqual(['1', 'item 1', '1.50']);
    await page.getByRole('button', { name: 'Next page' }).click();
    await page.getByText('Page 2').waitFor();
    await until('the second page is there', async () => (await cells(page, 0))[0] === '101');
    await page.getByRole('button', { name: 'Next page' }).click();
    await until('the last page is there', async () => (await cells(page, 0))[0] === '201');
    await page.getByText('Page 3 · 50 rows').waitFor();
    expect(await page.getByRole('button', { name: 'Next page' }).isEnabled()).toBe(false);
    await page.getByRole('button', { name: 'Previous page' }).click();
    await until('the second page is there again', async () => (await cells(page, 0))[0] === '101');
    await page.getByRole('button', { name: 'id', exact: true }).click();
    await until('the last row is the first', async () => (await cells(page, 0))[0] === '250');
    expect(await page.getByRole('columnheader', { name: /^id/ }).getAttribute('aria-sort')).toBe(
      'descending',
    );
  });

  it('filters by a value, which is bound', async () => {
    const page = await openTable(cluster.primary, 'orders');
    await page.getByLabel('Column to filter by').selectOption('item');
    await page.getByLabel('Value to compare with').fill("item 7' OR '1'='1");
    await page.getByRole('button', { name: 'Filter' }).click();
    await page.getByText('No row is like this.').waitFor();
    await page.getByLabel('Comparison').selectOption('contains');
    await page.getByLabel('Value to compare with').fill('item 1');
    await page.getByRole('button', { name: 'Filter' }).click();
    await until('the first of many', async () => (await cells(page, 1))[1] === 'item 10');
    await page.getByRole('button', { name: 'Next page' }).click();
    await page.getByText('Page 2 · 11 rows').waitFor();
    await page.getByLabel('Column to filter by').selectOption('id');
    await page.getByLabel('Comparison').selectOption('<');
    await page.getByLabel('Value to compare with').fill('many');
    await page.getByRole('button', { name: 'Filter' }).click();
    await page.getByText('This takes a whole number.').waitFor();
    await page.getByRole('button', { name: 'Show all' }).click();
    await page.getByText('100 rows').waitFor();
  });

  it('edits a row on the primary, with the SQL before it runs, and a replica’s page shows it', async () => {
    const replica = await openTable(cluster.node('n2'), 'orders');
    await replica.getByText('n2 is a replica: rows are only looked at here').waitFor();
    const link = replica.getByRole('link', { name: 'Open it on n1' });
    expect(await link.getAttribute('href')).toBe(`${cluster.primary.url}/#/data/shop/orders`);
    expect(await replica.getByRole('button', { name: /New row|Edit|Delete/ }).count()).toBe(0);
    await replica.getByLabel('Live').check();

    const page = await openTable(cluster.primary, 'orders');
    await page.getByRole('button', { name: 'Edit 2', exact: true }).click();
    const dialog = page.getByRole('dialog', { name: 'Edit row' });
    await field(page, 'item').fill("goose feather'; DROP TABLE shop.orders; --");
    await field(page, 'note').fill('two\nlines');
    expect(await preview(page).locator('pre').textContent()).toBe(
      'UPDATE `shop`.`orders`\nSET `item` = ?, `note` = ?\nWHERE `id` = ? AND `item` <=> ? AND `note` <=> ?',
    );
    expect(await preview(page).locator('li code').allTextContents()).toEqual([
      "goose feather'; DROP TABLE shop.orders; --",
      'two\nlines',
      '2',
      'item 2',
      'NULL',
    ]);
    const shown = ['2', "goose feather'; DROP TABLE shop.orders; --", '1.50', 'two\nlines'];
    await dialog.getByRole('button', { name: 'Change the row' }).click();
    await page.getByText('The row is changed.').waitFor();
    await until('the page shows it', async () => (await cells(page, 1)).join() === shown.join());
    await until('the replica’s page shows it', async () => (await cells(replica, 1)).join() === shown.join());
  });

  it('does not write over what somebody has changed in between', async () => {
    const page = await openTable(cluster.primary, 'orders');
    await page.getByRole('button', { name: 'Edit 3', exact: true }).click();
    await cluster.primary.sql("UPDATE shop.orders SET item = 'theirs' WHERE id = 3");
    const dialog = page.getByRole('dialog');
    await field(page, 'item').fill('mine');
    await dialog.getByRole('button', { name: 'Change the row' }).click();
    await dialog.getByText('somebody has changed or deleted this row').waitFor();
    expect(await cluster.primary.rows('SELECT item FROM shop.orders WHERE id = 3')).toEqual([['theirs']]);
  });

  it('inserts and deletes a row, and says what the server refuses', async () => {
    const page = await openTable(cluster.primary, 'orders');
    await page.getByRole('button', { name: 'New row' }).click();
    const dialog = page.getByRole('dialog', { name: 'New row' });
    await field(page, 'price').fill('12,5');
    await dialog.getByText('This takes a number like 12.50.').waitFor();
    expect(await dialog.getByRole('button', { name: 'Insert the row' }).isEnabled()).toBe(false);
    await field(page, 'price').fill('12.50');
    await field(page, 'id').fill('1');
    await field(page, 'item').fill('duplicate');
    await dialog.getByRole('button', { name: 'Insert the row' }).click();
    await dialog.getByText(/Duplicate entry '1'.*Nothing was changed\./).waitFor();
    await field(page, 'id').fill('9000');
    await dialog.getByRole('button', { name: 'Insert the row' }).click();
    await page.getByText('The row is there.').waitFor();
    expect(await cluster.primary.rows('SELECT item, price, note FROM shop.orders WHERE id = 9000')).toEqual([
      ['duplicate', '12.50', null],
    ]);

    await page.getByRole('button', { name: 'id', exact: true }).click();
    await page.getByRole('button', { name: 'Delete 9000' }).click();
    expect(await preview(page).locator('pre').textContent()).toBe(
      'DELETE FROM `shop`.`orders`\nWHERE `id` = ?',
    );
    await page.getByRole('button', { name: 'Delete the row' }).click();
    await page.getByText('The row is deleted.').waitFor();
    expect(await cluster.primary.rows('SELECT COUNT(*) FROM shop.orders WHERE id = 9000')).toEqual([['0']]);
  });

  it('offers the values of an ENUM', async () => {
    const page = await openTable(cluster.primary, 'states');
    await page.getByRole('button', { name: 'New row' }).click();
    await field(page, 'id').fill('1');
    expect(await choice(page, 'state').locator('option').allTextContents()).toEqual([
      ...["default 'new'", 'new', "it's paid", 'sent'],
    ]);
    await choice(page, 'state').selectOption("it's paid");
    await page.getByRole('button', { name: 'Insert the row' }).click();
    await page.getByText('The row is there.').waitFor();
    const stored = () => cluster.primary.rows('SELECT state, old FROM shop.states');
    expect(await stored()).toEqual([["it's paid", null]]);
    await page.getByRole('button', { name: 'Edit 1', exact: true }).click();
    await choice(page, 'old').selectOption('sent');
    await choice(page, 'state').selectOption('new');
    await page.getByRole('button', { name: 'Change the row' }).click();
    await page.getByText('The row is changed.').waitFor();
    expect(await stored()).toEqual([['new', 'sent']]);
  });

  it('only looks at rows that have no key, and says why', async () => {
    const page = await openTable(cluster.primary, 'keyless');
    await page.getByText('This table has no primary key').waitFor();
    await page.locator('#grid').waitFor();
    expect(await cells(page, 0)).toEqual(['1', 'one']);
    expect(await page.getByRole('button', { name: /New row|Edit|Delete/ }).count()).toBe(0);
  });

  it('shows all of a long value, as text', async () => {
    const whole = `${HOSTILE} ${'long '.repeat(400)}end`;
    await cluster.primary.sql(
      'CREATE TABLE shop.letters (id INT PRIMARY KEY, short TEXT, body MEDIUMTEXT, seal BLOB)',
    );
    await cluster.primary.sql(`INSERT INTO shop.letters VALUES (1, 'short', '${whole}', REPEAT(X'ab', 70))`);
    const page = await openTable(cluster.primary, 'letters', { bypassCSP: true, viewport: NARROW });
    expect(await page.getByRole('button', { name: 'Show all of short' }).count()).toBe(0);
    await page.getByRole('button', { name: 'Show all of body' }).click();
    const dialog = page.getByRole('dialog', { name: 'body' });
    expect(await dialog.locator('pre').textContent()).toBe(whole);
    await dialog.getByText(`text, ${whole.length.toLocaleString('en')} characters`).waitFor();
    expect(await seriousFindings(page)).toEqual([]);
    expect(await overflow(page)).toBe(0);
    if (process.env.SKEIN_SHOTS) await page.screenshot({ path: `${process.env.SKEIN_SHOTS}/long-value.png` });
    await dialog.getByRole('button', { name: 'Copy' }).click();
    await dialog.getByText(/^(Copied|Selected)/).waitFor();
    await page.keyboard.press('Escape');
    if (process.env.SKEIN_SHOTS) await page.screenshot({ path: `${process.env.SKEIN_SHOTS}/long-cell.png` });
    await page.getByRole('button', { name: 'Show all of seal' }).click();
    expect(await page.getByRole('dialog').locator('pre').textContent()).toBe(`0x${'ab'.repeat(70)}`);
  });

  it('offers the values of a SET, any number of them', async () => {
    const tags = "SET('red', 'it''s blue', 'green')";
    await cluster.primary.sql(
      `CREATE TABLE shop.tags (id INT PRIMARY KEY, tags ${tags} NOT NULL DEFAULT 'red', odd ENUM('a\\\\b', 'c'))`,
    );
    const stored = () => cluster.primary.rows('SELECT tags, odd FROM shop.tags');
    const page = await openTable(cluster.primary, 'tags', { bypassCSP: true, viewport: NARROW });
    await page.getByRole('button', { name: 'New row' }).click();
    const group = page.getByRole('group', { name: /^tags / });
    await group.getByText("default 'red'").waitFor();
    await field(page, 'id').fill('1');
    await group.getByLabel('green').check();
    await group.getByLabel("it's blue").check();
    // A value with a backslash is typed.
    await page.getByRole('dialog').getByRole('textbox', { name: /^odd / }).fill('a\\b');
    expect(await seriousFindings(page)).toEqual([]);
    expect(await overflow(page)).toBe(0);
    if (process.env.SKEIN_SHOTS) await page.screenshot({ path: `${process.env.SKEIN_SHOTS}/set.png` });
    await page.getByRole('button', { name: 'Insert the row' }).click();
    await page.getByText('The row is there.').waitFor();
    expect(await stored()).toEqual([["it's blue,green", 'a\\b']]);
    await page.getByRole('button', { name: 'Edit 1', exact: true }).click();
    await group.getByLabel('green').uncheck();
    await group.getByLabel("it's blue").uncheck();
    await page.getByRole('button', { name: 'Change the row' }).click();
    await page.getByText('The row is changed.').waitFor();
    expect(await stored()).toEqual([['', 'a\\b']]);
  });

  it('shows hostile names and values as text, and edits them', async () => {
    const page = await pages.openSignedIn(cluster.primary);
    await show(page, 'Data');
    await page.locator('.database', { hasText: HOSTILE }).first().waitFor();
    await page.getByRole('link', { name: HOSTILE_TABLE, exact: true }).click();
    await page.locator('#grid').waitFor();
    expect(await page.locator('#data-title').textContent()).toBe(`Databases / ${HOSTILE} / ${HOSTILE_TABLE}`);
    expect(await cells(page, 0)).toEqual([HOSTILE, 'old']);
    await page.getByRole('button', { name: 'Edit' }).click();
    await field(page, 'a`b?').fill(HOSTILE);
    await page.getByRole('button', { name: 'Change the row' }).click();
    await page.getByText('The row is changed.').waitFor();
    await until('it is shown', async () => (await cells(page, 0)).join() === [HOSTILE, HOSTILE].join());
    await page.getByLabel('Value to compare with').fill(HOSTILE);
    await page.getByRole('button', { name: 'Filter' }).click();
    await page.getByText('1 row', { exact: true }).waitFor();
    await page.getByRole('link', { name: 'Structure' }).click();
    await page.locator('#columns', { hasText: HOSTILE }).waitFor();
    expect(await page.locator('main img').count()).toBe(0);
    expect(await overflow(page)).toBe(0);
  });

  it('creates a token, which is shown once and works, and revokes it', async () => {
    const page = await pages.openSignedIn(cluster.primary);
    await show(page, 'Access');
    await page.getByRole('button', { name: 'New token' }).click();
    await page.getByRole('button', { name: 'Create the token' }).click();
    await page.getByText('Give it a name').waitFor();
    await page.getByLabel('Name').fill(HOSTILE);
    await page.getByLabel('Expires').selectOption('in an hour');
    await page.getByLabel('Limit').fill('50');
    await page.getByRole('button', { name: 'Create the token' }).click();
    const secret = (await page.locator('#secret').textContent()) ?? '';
    expect(secret).toMatch(/^skein_/);
    await page.getByRole('button', { name: 'Copy' }).click();
    await page.getByText(/^(Copied|Selected)/).waitFor();
    await page.getByRole('button', { name: 'I have it' }).click();
    const row = page.getByRole('row', { name: HOSTILE });
    await row.waitFor();
    expect((await row.allInnerTexts()).join()).toMatch(/\tread\t.*\tin \d+ min\t50 requests\/s\tnot known/);
    expect(await page.content()).not.toContain(secret);

    const used = await pages.open(cluster.primary);
    await pages.signIn(used, secret);
    await used.locator('.who', { hasText: 'read' }).waitFor();
    expect(await used.getByRole('link', { name: 'Access' }).count()).toBe(0);
    await used.evaluate("location.hash = '#/data/shop/orders'");
    await used.getByText('Your token may read only.').waitFor();
    await until('its use is seen', async () =>
      /now|ago/.test((await row.allInnerTexts()).join().split('\t')[5] ?? ''),
    );

    await row.getByRole('button', { name: 'Revoke' }).click();
    await page.getByRole('button', { name: 'Revoke the token' }).click();
    await used.getByText('This token is not known to the node, or was revoked.').waitFor();
    await until('it is gone', async () => (await row.count()) === 0);
  });

  it('rotates a token: the new text counts, the old one no longer', async () => {
    const made = await cluster.primary.request<{ token: string }>('POST', '/v1/tokens', {
      name: 'rotated here',
      role: 'read',
    });
    const page = await pages.openSignedIn(cluster.primary);
    await show(page, 'Access');
    await page.getByRole('button', { name: 'Rotate ... rotated here' }).click();
    await page.getByRole('button', { name: 'Rotate the token' }).click();
    const secret = (await page.locator('#secret').textContent()) ?? '';
    const statusWith = async (token: string) =>
      (await cluster.primary.request('GET', '/v1/token', undefined, { token })).status;
    expect(await statusWith(secret)).toBe(200);
    await until('the old text counts no longer', async () => (await statusWith(made.body.token)) === 401);
  });

  it('says on a replica’s page where tokens are made', async () => {
    const page = await pages.openSignedIn(cluster.node('n2'));
    await show(page, 'Access');
    await page.locator('#tokens tbody tr').first().waitFor();
    const link = page.locator('#access-notice').getByRole('link');
    expect(await link.getAttribute('href')).toBe(`${cluster.primary.url}/#/access`);
    expect(await page.getByRole('button', { name: /New token|Rotate|Revoke/ }).count()).toBe(0);
  });

  it.each(['n1', 'n2'])('lists the statements of %s, and ends one', async (name) => {
    const node = cluster.node(name);
    const page = await pages.openSignedIn(node);
    await show(page, 'Activity');
    await page.getByRole('link', { name: 'Statements' }).click();
    await page.getByText('The server executes no statement of a client now.').waitFor();
    const answer = node.request('POST', '/v1/sql', { sql: `SELECT SLEEP(120), '${HOSTILE}'` });
    const row = page.getByRole('row', { name: /SLEEP/ });
    expect(await row.locator('code').textContent()).toContain(HOSTILE);
    await row.getByRole('button', { name: 'End' }).click();
    await page.getByRole('button', { name: 'End the statement' }).click();
    await page.getByText('The server executes no statement of a client now.').waitFor();
    await answer;
  });

  it('does not offer to end a commit that waits for its quorum, and says why', async () => {
    const { primary } = cluster;
    const page = await pages.openSignedIn(primary);
    await show(page, 'Activity');
    await page.getByRole('link', { name: 'Statements' }).click();
    await page.getByText('The server executes no statement of a client now.').waitFor();
    await cluster.node('n2').freeze('node');
    const answer = primary.request('POST', '/v1/sql', {
      sql: "INSERT INTO shop.orders (item) VALUES ('waits')",
    });
    try {
      const row = page.getByRole('row', { name: /'waits'/ });
      await row.getByText('It waits for its quorum.').waitFor();
      expect(await row.getByRole('button').count()).toBe(0);
    } finally {
      await cluster.node('n2').unfreeze('node');
    }
    expect((await answer).status).toBe(200);
    await page.getByText('The server executes no statement of a client now.').waitFor();
  });

  it.each([
    [WIDE, 'light'],
    [NARROW, 'dark'],
  ] as const)('fits and has no serious finding of axe: %o, %s', async (viewport, colorScheme) => {
    const page = await pages.openSignedIn(cluster.primary, { viewport, colorScheme, bypassCSP: true });
    const look = async () => {
      expect(await seriousFindings(page)).toEqual([]);
      expect(await overflow(page)).toBe(0);
    };
    await show(page, 'Data');
    await page.locator('.database').first().waitFor();
    await look();
    await page.getByRole('link', { name: 'orders', exact: true }).click();
    await page.locator('#grid').waitFor();
    await look();
    await page.getByRole('button', { name: 'Edit 5', exact: true }).click();
    await field(page, 'note').fill('looked at');
    await preview(page).waitFor();
    await look();
    await page.keyboard.press('Escape');
    await page.getByRole('link', { name: 'Structure' }).click();
    await page.locator('#ddl').waitFor();
    await look();
    await show(page, 'Access');
    await page.locator('#tokens').waitFor();
    await look();
    await page.getByRole('button', { name: 'New token' }).click();
    await look();
    await page.keyboard.press('Escape');
    await show(page, 'Activity');
    await page.getByRole('link', { name: 'Statements' }).click();
    const answer = cluster.primary.request('POST', '/v1/sql', { sql: 'SELECT SLEEP(30)' });
    await page.getByRole('row', { name: /SLEEP/ }).waitFor();
    await look();
    await page.getByRole('button', { name: 'End' }).click();
    await page.getByRole('button', { name: 'End the statement' }).click();
    await answer;
  });
});
