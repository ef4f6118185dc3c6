import axe from 'axe-core';
import type { Browser, BrowserContextOptions, Locator, Page } from 'playwright-core';
import type { TestCluster } from './cluster.js';
import type { TestNode } from './test-node.js';

/** What a browser itself says of an answer that is a refusal: it is asked for here. */
const REFUSAL = /^Failed to load resource: the server responded with a status of [45]\d\d/;
/** And of a node that is away, or goes in the middle of an answer. What the browser itself refuses (CORS, the policy) is not among it. */
const AWAY =
  /ERR_(INTERNET_DISCONNECTED|CONNECTION_\w+|EMPTY_RESPONSE|INCOMPLETE_CHUNKED_ENCODING|CONTENT_LENGTH_MISMATCH|SOCKET_NOT_CONNECTED)/;

export const WIDE = { width: 1440, height: 900 };
export const NARROW = { width: 390, height: 844 };

/** Pages of the console, as a person meets them. What they complain about is kept: nothing may fail unheard. */
export class ConsolePages {
  readonly #browser: Browser;
  readonly #cluster: TestCluster;
  readonly #open: Page[] = [];
  readonly #complaints: string[] = [];

  constructor(browser: Browser, cluster: TestCluster) {
    this.#browser = browser;
    this.#cluster = cluster;
  }

  /** What the pages have complained about since the last time, without what belongs to a node that is `away`. */
  complaints({ away = false } = {}): string[] {
    return this.#complaints.splice(0).filter((text) => !(away && AWAY.test(text)));
  }

  async closeAll(): Promise<void> {
    for (const page of this.#open.splice(0)) await page.context().close();
  }

  async open(node: TestNode, options: BrowserContextOptions & { path?: string } = {}): Promise<Page> {
    const { path = '/', ...more } = options;
    const context = await this.#browser.newContext({ viewport: WIDE, ...more });
    const page = await context.newPage();
    page.setDefaultTimeout(45_000);
    this.#open.push(page);
    page.on('pageerror', (error) => this.#complaints.push(error.message));
    page.on('console', (message) => {
      const isWorth = message.type() === 'error' || message.type() === 'warning';
      if (isWorth && !REFUSAL.test(message.text())) this.#complaints.push(message.text());
    });
    await page.goto(`${node.url}${path}`);
    return page;
  }

  async signIn(page: Page, token = this.#cluster.token): Promise<void> {
    await page.getByLabel('Token').fill(token);
    await page.getByRole('button', { name: 'Sign in' }).click();
  }

  async openSignedIn(node: TestNode, options?: BrowserContextOptions): Promise<Page> {
    const page = await this.open(node, options);
    await this.signIn(page);
    await page.locator('#members tbody tr').first().waitFor();
    return page;
  }
}

export async function show(
  page: Page,
  view: 'Cluster' | 'SQL' | 'Data' | 'Activity' | 'Access',
): Promise<void> {
  await page.getByRole('navigation', { name: 'Views' }).getByRole('link', { name: view }).click();
  await page.locator(`#${view.toLowerCase()}-title`).waitFor();
}

/** Into the editor of the view SQL, in place of what is there. */
export const writeSql = (page: Page, sql: string): Promise<void> => sqlEditor(page).fill(sql);

export const sqlEditor = (page: Page): Locator =>
  page.getByRole('textbox', { name: 'Statement', exact: true });

/** Those that are drawn; more come into the page when one scrolls. */
export const sqlCells = (page: Page): Promise<string[]> =>
  page.locator('#sql-result [role="gridcell"]').allTextContents();

export async function runSql(page: Page, sql: string): Promise<void> {
  await writeSql(page, sql);
  const answered = page.waitForResponse('**/v1/sql');
  await page.locator('#run').click();
  await answered;
  // Until its rows are there too. Whether the browser says of a stream that it has finished is not certain.
  await page.locator('#run:enabled').waitFor();
}

interface Finding {
  readonly id: string;
  readonly impact: string | null;
  readonly nodes: readonly { readonly html: string; readonly failureSummary: string }[];
}

/** What axe-core finds serious or worse on the page as it is now. Its context has to be opened with `bypassCSP`. */
export async function seriousFindings(page: Page): Promise<string[]> {
  await page.evaluate(axe.source);
  // Colours in the middle of a transition are nobody's.
  await page.evaluate(
    'Promise.all(document.getAnimations().filter((one) => one.effect?.getTiming().iterations !== Infinity).map((one) => one.finished.catch(() => {})))',
  );
  const found = await page.evaluate<{ violations: readonly Finding[]; passes: readonly Finding[] }>(
    'axe.run()',
  );
  if (found.passes.length < 10) throw new Error('axe has looked at nothing');
  return found.violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .flatMap(({ id, nodes }) => nodes.map(({ html, failureSummary }) => `${id}: ${html} ${failureSummary}`));
}
