/** The view SQL of the console: a real browser, real nodes. */
import { readFile } from 'node:fs/promises';
import type { Browser, Page } from 'playwright-core';
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
  sqlEditor,
  writeSql,
} from '../kit/console-page.js';
import type { TestNode } from '../kit/test-node.js';
import { until } from '../kit/until.js';

const obtained = await obtainBrowser();
const because = obtained.kind === 'missing' ? ` (${obtained.reason})` : '';
const HOSTILE = '<img src=x onerror=alert(1)>';

describe.skipIf(obtained.kind === 'missing')(`SQL in the console${because}`, () => {
  let browser: Browser;
  let cluster: TestCluster;
  let pages: ConsolePages;
  showLogsOnFailure(() => cluster);

  beforeAll(async () => {
    const command = obtained.kind === 'found' ? obtained.command : '';
    [cluster, browser] = await Promise.all([TestCluster.start({ replicas: 1 }), launch(command)]);
    pages = new ConsolePages(browser, cluster);
    await cluster.primary.sql('CREATE DATABASE shop');
    await cluster.primary.sql(
      'CREATE TABLE shop.orders (id INT PRIMARY KEY AUTO_INCREMENT, item TEXT, `odd name` INT)',
    );
    await cluster.primary.sql("INSERT INTO shop.orders (item) VALUES ('feather')");
  });

  afterAll(async () => {
    await browser?.close();
    await cluster?.dispose();
  });

  /** Nothing may fail unheard: a style that the content security policy forbids would be among it. */
  afterEach(async () => {
    await pages.closeAll();
    expect(pages.complaints()).toEqual([]);
  });

  const open = async (node: TestNode = cluster.primary, options = {}) => {
    const page = await pages.openSignedIn(node, options);
    await show(page, 'SQL');
    await sqlEditor(page).waitFor();
    return page;
  };
  const summary = (page: Page) => page.locator('#sql-summary');
  const focused = (page: Page) => page.evaluate<string>('document.activeElement.id');
  const ended = (page: Page) => page.locator('#run:enabled').waitFor();

  describe('the editor', () => {
    it('runs the statement under the cursor, what is selected, or all', async () => {
      const page = await open();
      await writeSql(page, 'SELECT 1 AS a;\n\nSELECT 2 AS b;\nSELECT 3 AS c');
      await page.keyboard.press('Control+Home');
      await page.keyboard.press('Control+Enter');
      await until('the first has run', async () => (await sqlCells(page)).join() === '1');
      await page.keyboard.press('ArrowDown');
      await page.keyboard.press('ArrowDown');
      await page.keyboard.press('Control+Enter');
      await until('the second has run', async () => (await sqlCells(page)).join() === '2');
      await page.keyboard.press('Control+End');
      await page.keyboard.press('Shift+Home');
      await page.keyboard.type('SELECT 40 + 2');
      await page.keyboard.press('Shift+Home');
      await page.keyboard.press('Control+Enter');
      await until('what is selected has run', async () => (await sqlCells(page)).join() === '42');
      expect(await page.getByRole('tab').count()).toBe(0);
      await page.keyboard.press('Control+Shift+Enter');
      await page.getByRole('tab', { name: '3 SELECT 40 + 2' }).waitFor();
      expect(await page.getByRole('tab').count()).toBe(3);
    });

    it('completes databases, tables and columns as they are now', async () => {
      const page = await open();
      await page.getByLabel('Database').fill('shop');
      await sqlEditor(page).click();
      const options = page.locator('.cm-tooltip-autocomplete li');
      await page.keyboard.type('SELECT * FROM or');
      await options.filter({ hasText: 'orders' }).first().waitFor();
      await page.keyboard.press('Escape');
      await writeSql(page, 'SELECT  FROM shop.orders');
      await page.keyboard.press('Control+Home');
      for (let at = 0; at < 'SELECT '.length; at++) await page.keyboard.press('ArrowRight');
      await page.keyboard.type('`od');
      await options.filter({ hasText: '`odd name`' }).click();
      expect(await sqlEditor(page).textContent()).toBe('SELECT `odd name` FROM shop.orders');
      await runSql(page, 'CREATE TABLE shop.quills (id INT PRIMARY KEY)');
      await sqlEditor(page).click();
      await writeSql(page, 'SELECT * FROM shop.');
      await page.keyboard.type('qui');
      await options.filter({ hasText: 'quills' }).waitFor();
      await cluster.primary.sql('DROP TABLE shop.quills');
    });

    it('takes what it offers away when a button runs the statement', async () => {
      const page = await open();
      await writeSql(page, 'SELECT 1 AS a ORDER BY a DESC');
      await page.keyboard.press('Backspace');
      await page.locator('.cm-tooltip-autocomplete li').first().waitFor();
      await page.keyboard.type('C');
      await page.getByRole('button', { name: 'Run', exact: true }).click();
      await until('it has run', async () => (await sqlCells(page)).join() === '1');
      expect(await page.locator('.cm-tooltip-autocomplete').count()).toBe(0);
    });

    it('lets the keyboard out, and says how', async () => {
      const page = await open();
      await sqlEditor(page).focus();
      await page.keyboard.type('SELECT 1');
      await page.keyboard.press('Tab');
      expect(await sqlEditor(page).textContent()).toBe('  SELECT 1');
      await page.keyboard.press('Escape');
      await page.keyboard.press('Tab');
      expect(await focused(page)).toBe('sql-node');
      const described = await page.evaluate<string>(
        "(({ shadowRoot }) => shadowRoot.getElementById(shadowRoot.querySelector('[role=textbox]').getAttribute('aria-describedby')).textContent)(document.getElementById('sql'))",
      );
      expect(described).toContain('press Escape, then Tab');
    });

    it('keeps its text while one looks at another view', async () => {
      const page = await open();
      await writeSql(page, 'SELECT 12');
      await show(page, 'Data');
      await show(page, 'SQL');
      expect(await sqlEditor(page).textContent()).toBe('SELECT 12');
    });
  });

  describe('several statements', () => {
    const runAll = async (page: Page, sql: string) => {
      await writeSql(page, sql);
      await page.locator('#run-all').click();
      await page.getByRole('tab').first().waitFor();
      await ended(page);
    };

    it('run in one session, each with its result', async () => {
      const page = await open();
      await runAll(page, "SET @x = 6; SELECT @x * 7 AS answer, ';' AS semicolon; SELECT 'last'");
      expect(await sqlCells(page)).toEqual(['last']);
      await page.getByRole('tab', { name: /^2 SELECT/ }).click();
      expect(await sqlCells(page)).toEqual(['42', ';']);
      await page.keyboard.press('ArrowLeft');
      await until('the first is shown', async () =>
        (await summary(page).textContent())?.startsWith('0 affected'),
      );
      expect(await page.evaluate('document.activeElement.textContent')).toBe('1 SET @x = 6');
    });

    it('end at the first error, which is marked where it is', async () => {
      const page = await open();
      await runAll(page, 'SELECT 1;\nSELECT 2,\n  nonsense nonsense nonsense;\nSELECT 3');
      const failed = page.getByRole('tab', { name: /failed/ });
      expect(await failed.getAttribute('aria-selected')).toBe('true');
      expect(await page.locator('#sql-error').textContent()).toMatch(/at line 2.*\(line 3 of the editor\)/);
      expect((await page.locator('.cm-failed').textContent())?.trim()).toBe('nonsense nonsense nonsense;');
      await page.getByRole('tab', { name: /not run/ }).click();
      expect(await summary(page).textContent()).toContain('It was not run');
      await page.getByRole('tab', { name: '1 SELECT 1' }).click();
      expect(await sqlCells(page)).toEqual(['1']);
      await sqlEditor(page).click();
      await page.keyboard.type(' ');
      expect(await page.locator('.cm-failed').count()).toBe(0);
    });

    it('are not run when one of them is DELIMITER, and asked about when one takes all rows', async () => {
      const page = await open();
      await writeSql(page, 'DELIMITER //\nSELECT 1 //');
      await page.locator('#run-all').click();
      await page.getByText('DELIMITER is a command of the mysql client').waitFor();
      await writeSql(page, 'SELECT 1; DELETE FROM shop.orders');
      await page.locator('#run-all').click();
      const asked = page.getByRole('dialog', { name: 'All rows?' });
      await asked.getByText('This DELETE has no WHERE').waitFor();
      await asked.getByRole('button', { name: 'Cancel' }).click();
      expect(await cluster.primary.rows('SELECT COUNT(*) FROM shop.orders')).toEqual([['1']]);
    });

    it('make a procedure without DELIMITER, and show each of its result sets', async () => {
      const page = await open();
      await runAll(
        page,
        'USE shop; CREATE PROCEDURE two() BEGIN SELECT 1; SELECT 2; END; CALL two(); DROP PROCEDURE two',
      );
      await page.getByRole('tab', { name: '3 CALL two() (2 of 2)' }).click();
      expect(await sqlCells(page)).toEqual(['2']);
      expect(await page.getByLabel('Database').inputValue()).toBe('shop');
    });
  });

  describe('where it reads', () => {
    it('is chosen, and said', async () => {
      const page = await open();
      await runSql(page, "INSERT INTO shop.orders (item) VALUES ('down')");
      expect(await summary(page).textContent()).toContain('served by n1, the primary');
      await page.getByLabel('Node').selectOption({ label: 'n2 (replica)' });
      await page.getByText('n2 is a replica: reads work here, writes do not.').waitFor();
      // What this page has written is there at once, on another node too.
      await runSql(page, "SELECT item FROM shop.orders WHERE item = 'down'");
      expect(await sqlCells(page)).toEqual(['down']);
      expect(await summary(page).textContent()).toMatch(/· served by n2, \d+ ms behind ·/);
      const levels = await page.getByLabel('Reads').locator('option').allTextContents();
      expect(levels.map((text) => text.split(':')[0])).toEqual(['session', 'local', 'bounded']);
      await page.getByLabel('Reads').selectOption('bounded');
      await page.getByLabel('Behind at most, ms').fill('soon');
      await page.locator('#run').click();
      await page.getByText('How much it may be behind is a whole number').waitFor();
      await page.getByLabel('Behind at most, ms').fill('60000');
      const asked = page.waitForRequest('**/v1/sql');
      await runSql(page, 'SELECT 1');
      const body = (await asked).postDataJSON();
      expect(body.read).toEqual({ level: 'bounded', maxLagMs: 60_000 });
      expect((await asked).url()).toBe(`${cluster.node('n2').url}/v1/sql`);
      await runSql(page, 'DELETE FROM shop.orders WHERE id = 1');
      expect(await page.locator('#sql-error').textContent()).toContain('This node is not the primary.');
      await page.getByLabel('Node').selectOption('');
      await page.getByLabel('Reads').selectOption('linearizable');
      await runSql(page, "DELETE FROM shop.orders WHERE item = 'down'");
      expect(await summary(page).textContent()).toMatch(/^1 affected · /);
    });
  });

  describe('a large result', () => {
    const MILLION = 'SELECT seq, MD5(seq) AS hash FROM shop.seq_1_to_1000000';
    const drawn = (page: Page) => page.locator('#sql-result [role="row"]').count();

    it('of a million rows is scrolled to its end, with few rows in the page', async () => {
      const page = await open();
      await writeSql(page, MILLION);
      await page.locator('#run').click();
      await page.locator('#sql-result [role="gridcell"]').first().waitFor();
      await page.locator('#sql-summary', { hasText: /^1,000,000 rows · / }).waitFor({ timeout: 200_000 });
      const grid = page.locator('#sql-result');
      expect(await grid.getAttribute('aria-rowcount')).toBe('1000001');
      // By the bar, as one drags it.
      await page.evaluate(
        "(({ scrollHeight }) => document.querySelector('#sql-result').scrollTop = scrollHeight)(document.querySelector('#sql-result'))",
      );
      const last = page.locator('#sql-result [role="row"][aria-rowindex="1000001"]');
      await last.waitFor();
      expect(await last.locator('[role="gridcell"]').first().textContent()).toBe('1000000');
      expect(await drawn(page)).toBeLessThan(80);
      // By the keyboard, in both directions.
      await grid.focus();
      await page.keyboard.press('Control+Home');
      await page.locator('[aria-rowindex="2"] .here', { hasText: /^1$/ }).waitFor();
      await page.keyboard.press('Control+End');
      await page
        .locator('[aria-rowindex="1000001"] .here', { hasText: '8155bc545f84d9652f1012ef2bdfb6eb' })
        .waitFor();
      await page.keyboard.press('ArrowUp');
      await page.keyboard.press('Home');
      await page.locator('[aria-rowindex="1000000"] .here', { hasText: '999999' }).waitFor();
      expect(
        await page.evaluate(
          "document.getElementById(document.activeElement.getAttribute('aria-activedescendant')).textContent",
        ),
      ).toBe('999999');
    });

    it('is cancelled while its rows come, and what came stays', async () => {
      const page = await open();
      await writeSql(page, 'SELECT a.seq, b.seq FROM shop.seq_1_to_100000 a, shop.seq_1_to_100000 b');
      await page.locator('#run').click();
      await page.locator('#sql-result [role="gridcell"]').first().waitFor();
      await page.getByRole('button', { name: 'Cancel' }).click();
      await ended(page);
      expect(await summary(page).textContent()).toMatch(/^[\d,]+ rows · Cancelled\./);
      expect((await sqlCells(page))[0]).toBe('1');
      await until('the server has ended it', async () => {
        const { body } = await cluster.primary.request<{ statements: unknown[] }>('GET', '/v1/statements');
        return body.statements.length === 0;
      });
    });

    it('ends at its bound, and says so', async () => {
      const page = await open();
      await writeSql(page, 'SELECT a.seq FROM shop.seq_1_to_1001 a, shop.seq_1_to_1000 b');
      await page.locator('#run').click();
      await page
        .getByText('The page keeps 1,000,000 rows or 200 MB of a result at most.')
        .waitFor({ timeout: 200_000 });
      await ended(page);
      expect(await summary(page).textContent()).toMatch(/^1,000,000 rows/);
    });

    it('shows a long value whole in a dialog, and copies a cell', async () => {
      const page = await open(cluster.primary, { permissions: ['clipboard-read', 'clipboard-write'] });
      await runSql(page, `SELECT CONCAT('${HOSTILE}\n', REPEAT('x', 5000), 'end') AS text, 7 AS n`);
      expect((await sqlCells(page))[0]?.length).toBeLessThan(300);
      await page.locator('#sql-result').focus();
      await page.keyboard.press('Enter');
      const dialog = page.getByRole('dialog', { name: 'text' });
      expect((await dialog.locator('pre').textContent())?.length).toBe(HOSTILE.length + 1 + 5003);
      await page.keyboard.press('Escape');
      await dialog.waitFor({ state: 'detached' });
      await page.keyboard.press('ArrowRight');
      await page.keyboard.press('Control+c');
      await page.getByText('Copied').waitFor({ state: 'attached' });
      expect(await page.evaluate('navigator.clipboard.readText()')).toBe('7');
      expect(await page.locator('img:not([src="icon.svg"])').count()).toBe(0);
    });
  });

  describe('history, export and plan', () => {
    it('keeps what was run in this browser, without passwords, and gives it back', async () => {
      const page = await open();
      await runSql(page, 'SELECT 4711 AS kept');
      await runSql(page, "SELECT PASSWORD('not kept')");
      await runSql(page, 'SELECT 2');
      await page.getByRole('button', { name: 'History' }).click();
      const dialog = page.getByRole('dialog', { name: 'History' });
      expect(await dialog.locator('li code').allTextContents()).toEqual(['SELECT 2', 'SELECT 4711 AS kept']);
      await dialog.getByLabel('Search').fill('4711');
      await dialog.getByRole('button', { name: /4711/ }).click();
      await dialog.waitFor({ state: 'detached' });
      expect(await sqlEditor(page).textContent()).toContain('SELECT 4711 AS kept');
      // It is selected, so it is what runs.
      await page.locator('#run').click();
      await until('it has run', async () => (await sqlCells(page)).join() === '4711');
      expect(await page.evaluate('JSON.stringify(localStorage)')).not.toContain('not kept');
      await page.reload();
      await sqlEditor(page).waitFor();
      await page.getByRole('button', { name: 'History' }).click();
      await dialog.getByRole('button', { name: /4711/ }).waitFor();
      await dialog.getByRole('button', { name: 'Clear' }).click();
      await dialog.getByText('Nothing was run yet.').waitFor();
    });

    const exported = async (page: Page, format: string) => {
      const saved = page.waitForEvent('download', { timeout: 200_000 });
      await page.getByRole('button', { name: `Export as ${format}` }).click();
      const download = await saved;
      const content = await readFile(await download.path(), 'utf8');
      return { name: download.suggestedFilename(), content };
    };

    it('exports a result as CSV, JSON and INSERTs that the server takes', async () => {
      const page = await open();
      await cluster.primary.sql(
        'CREATE TABLE shop.odd (id INT PRIMARY KEY, t TEXT, b VARBINARY(9), n DECIMAL(9,2))',
      );
      const values = String.raw`(1, 'it''s "here", \\', X'00ff', 1.50), (2, NULL, '', NULL), (3, '', NULL, -0.01)`;
      await cluster.primary.sql(`INSERT INTO shop.odd VALUES ${values}`);
      await runSql(page, 'SELECT * FROM shop.odd');
      expect(await exported(page, 'CSV')).toEqual({
        name: 'result.csv',
        content: `id,t,b,n\r\n1,"it's ""here"", \\",0x00ff,1.50\r\n2,,X'',\r\n3,"",,-0.01\r\n`,
      });
      expect(JSON.parse((await exported(page, 'JSON')).content)[2]).toEqual({
        id: 3,
        t: '',
        b: null,
        n: '-0.01',
      });
      const { content } = await exported(page, 'SQL INSERTs');
      const before = await cluster.primary.rows('SELECT * FROM shop.odd');
      await cluster.primary.sql('DELETE FROM shop.odd');
      for (const line of content.trimEnd().split('\n')) await cluster.primary.sql(line.replace(/;$/, ''));
      expect(await cluster.primary.rows('SELECT * FROM shop.odd')).toEqual(before);
      await cluster.primary.sql('DROP TABLE shop.odd');
    });

    it('exports all rows of a result that the page has cut', async () => {
      const page = await open();
      await writeSql(page, 'SELECT seq FROM shop.seq_1_to_1000100');
      await page.locator('#run').click();
      await page.getByText('An export runs the statement again').waitFor({ timeout: 200_000 });
      await ended(page);
      const lines = (await exported(page, 'CSV')).content.trimEnd().split('\r\n');
      expect([lines.length, lines.at(-1)]).toEqual([1_000_101, '1000100']);
    });

    it('shows how a statement would be executed', async () => {
      const page = await open();
      await page.getByLabel('Database').fill('shop');
      await writeSql(
        page,
        "SELECT * FROM orders o JOIN orders p ON p.id = o.id WHERE o.item LIKE '%x' ORDER BY o.item",
      );
      await page.getByRole('button', { name: 'Explain' }).click();
      const dialog = page.getByRole('dialog', { name: 'Plan' });
      await dialog.getByText(/^Full scan: about \d+ rows of o are read/).waitFor();
      await dialog.getByText('one row by a unique key, for each row before').waitFor();
      await page.keyboard.press('Escape');
      await writeSql(page, 'SELECT nonsense FROM orders');
      await page.getByRole('button', { name: 'Explain' }).click();
      await dialog.getByText(/Unknown column 'nonsense'/).waitFor();
    });
  });

  it.each(['light', 'dark'] as const)('has no serious finding of axe, %s', async (colorScheme) => {
    const page = await open(cluster.primary, { bypassCSP: true, colorScheme });
    expect(await seriousFindings(page)).toEqual([]);
    await writeSql(
      page,
      "SELECT 1 AS one, 'text' AS text, NULL AS nothing;\nSELECT nonsense nonsense nonsense",
    );
    await page.locator('#run-all').click();
    await page.locator('#sql-error').waitFor();
    await sqlEditor(page).click();
    await page.keyboard.press('Control+Home');
    await page.keyboard.type('S');
    await page.locator('.cm-tooltip-autocomplete li').first().waitFor();
    expect(await seriousFindings(page)).toEqual([]);
    await page.keyboard.press('Escape');
    await page.getByRole('tab').first().click();
    await page.locator('#sql-result').focus();
    expect(await seriousFindings(page)).toEqual([]);
    await page.keyboard.press('Enter');
    await page.getByRole('dialog').waitFor();
    expect(await seriousFindings(page)).toEqual([]);
    await page.keyboard.press('Escape');
    await page.getByRole('button', { name: 'History' }).click();
    await page.getByRole('dialog', { name: 'History' }).waitFor();
    expect(await seriousFindings(page)).toEqual([]);
    await page.keyboard.press('Escape');
    await writeSql(page, 'SELECT * FROM shop.orders');
    await page.getByRole('button', { name: 'Explain' }).click();
    await page.getByText(/^Full scan/).waitFor();
    expect(await seriousFindings(page)).toEqual([]);
  });

  it('needs no scrolling sideways on a phone', async () => {
    const page = await open(cluster.primary, { viewport: NARROW });
    await writeSql(
      page,
      `SELECT '${'wide '.repeat(60)}' AS a, 1; SELECT seq FROM shop.seq_1_to_9; SELECT 3; SELECT 4; SELECT 5`,
    );
    await page.locator('#run-all').click();
    await page.getByRole('tab').last().waitFor();
    await ended(page);
    await page.getByRole('tab').first().click();
    expect(
      await page.evaluate('document.documentElement.scrollWidth - document.documentElement.clientWidth'),
    ).toBe(0);
    // The first column is in sight, however wide it is.
    expect(await page.evaluate("document.querySelector('#sql-result').scrollLeft")).toBe(0);
    await page.getByRole('tab').nth(1).click();
    const rows = page.locator('#sql-result [role="row"]');
    await rows.nth(9).waitFor();
    const [third, fourth] = await Promise.all([rows.nth(3).boundingBox(), rows.nth(4).boundingBox()]);
    expect((fourth?.y ?? 0) - (third?.y ?? 0), 'a row is as high as the grid counts with').toBe(28);
  });
});
