import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { SkeinClient } from '../../client/src/index.js';
import { sleep } from '../../src/std/timing.js';
import { animatedPng, type Frame } from '../kit/apng.js';
import { launch, obtainBrowser } from '../kit/browser.js';
import { TestCluster } from '../kit/cluster.js';
import { ConsolePages, NARROW, runSql, show, WIDE } from '../kit/console-page.js';
import { until } from '../kit/until.js';

/**
 * The pictures of the README and of docs: `SKEIN_PICTURES=docs/pictures npm run test:long -- test/long/pictures.test.ts` makes them
 * anew. They show a real cluster while clients write, and one of them moves: the primary is killed, and comes back.
 */

const PICTURES = process.env.SKEIN_PICTURES;
const PACE_MS = 15;
const REPORT =
  'SELECT item, COUNT(*) AS orders, SUM(amount) AS total FROM shop.orders GROUP BY item ORDER BY total DESC';
const ITEMS = ['grey goose feather', 'duck down, 1 kg', 'wool, undyed', 'linen thread', 'hemp cord, 50 m'];
/** So that the charts have something to show. */
const BEFORE_MS = 60_000;
const FRAME_MS = 150;
/** The head and the picture of the topology. */
const MOVING = { width: 960, height: 540 };

const obtained = await obtainBrowser();
let directory: string;
let browser: Browser;
let cluster: TestCluster;
let pages: ConsolePages;
let client: SkeinClient;
let writer: NodeJS.Timeout;

beforeAll(async () => {
  if (obtained.kind === 'missing') throw new Error(obtained.reason);
  directory = PICTURES ?? (await mkdtemp(join(tmpdir(), 'skein-pictures-')));
  await mkdir(directory, { recursive: true });
  [cluster, browser] = await Promise.all([TestCluster.start(), launch(obtained.command)]);
  pages = new ConsolePages(browser, cluster);
  client = new SkeinClient({ nodes: cluster.nodes.map(({ url }) => url), token: cluster.token });
  await client.execute('CREATE DATABASE shop');
  await client.execute(
    'CREATE TABLE shop.orders (id INT AUTO_INCREMENT PRIMARY KEY, item VARCHAR(60) NOT NULL, amount DECIMAL(10,2) NOT NULL)',
  );
  writer = setInterval(() => {
    const amount = (10 + (Date.now() % 4_000) / 100).toFixed(2);
    client
      .execute('INSERT INTO shop.orders (item, amount) VALUES (?, ?)', [
        ITEMS[Date.now() % ITEMS.length] ?? '',
        amount,
      ])
      .catch(() => {});
  }, PACE_MS);
  await sleep(BEFORE_MS);
});

afterAll(async () => {
  clearInterval(writer);
  await browser?.close();
  await cluster?.dispose();
  if (PICTURES === undefined && directory) await rm(directory, { recursive: true, force: true });
});

it('each view, light and dark, wide and narrow', async () => {
  for (const colorScheme of ['light', 'dark'] as const)
    for (const [size, viewport] of [
      ['wide', WIDE],
      ['narrow', NARROW],
    ] as const) {
      const page = await pages.openSignedIn(cluster.primary, { viewport, colorScheme });
      for (const view of ['Cluster', 'SQL', 'Data', 'Activity', 'Access'] as const) {
        await show(page, view);
        if (view === 'SQL') await runSql(page, REPORT);
        if (view === 'Data') await page.evaluate("location.hash = '#/data/shop/orders'");
        await sleep(1_500);
        const path = join(directory, `console-${view.toLowerCase()}-${colorScheme}-${size}.png`);
        await page.screenshot({ path });
      }
      await pages.closeAll();
    }
});

it('a failover', async () => {
  const old = cluster.primary;
  const [watching] = cluster.replicas;
  const page = await pages.openSignedIn(watching ?? old, { viewport: MOVING, colorScheme: 'light' });
  await sleep(1_000);
  const frames: Frame[] = [];
  let goesOn = true;
  const record = (async () => {
    let png = await page.screenshot();
    let since = performance.now();
    while (goesOn) {
      await sleep(Math.max(0, FRAME_MS - (performance.now() - since)));
      const next = await page.screenshot();
      const now = performance.now();
      frames.push({ png, shownMs: now - since });
      [png, since] = [next, now];
    }
  })();
  try {
    await sleep(1_000);
    await Promise.all([old.kill('node'), old.kill('server')]);
    await until('another primary serves', async () => (await cluster.electedPrimary()) !== old);
    await until('the old one is back', () => old.isReady(), { deadlineMs: 60_000 });
    await sleep(2_500);
  } finally {
    goesOn = false;
    await record;
  }
  expect(frames.length).toBeGreaterThan(10);
  const moving = animatedPng(frames);
  await writeFile(join(directory, 'failover.png'), moving);
  // A browser takes it for a picture of that size.
  const size = await page.evaluate<number[]>(
    `new Promise((done, failed) => { const image = new Image(); image.onload = () => done([image.naturalWidth, image.naturalHeight]); image.onerror = failed; image.src = 'data:image/png;base64,${moving.toString('base64')}'; })`,
  );
  expect(size).toEqual([MOVING.width, MOVING.height]);
});
