import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';

/**
 * The style sheets of all views end in one page, so a view must not have a rule for a class that another view uses: `.line` of one
 * view gave the rows of another one's table a frame.
 */
const VIEWS = import.meta.dirname;

function filesOf(view: string, end: string): string {
  return readdirSync(join(VIEWS, view), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith(end))
    .map((name) => readFileSync(join(VIEWS, view, name), 'utf8'))
    .join('\n');
}

const views = readdirSync(VIEWS, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => name);

/** Classes with which a selector begins, so that it reaches everything that has them. */
function reached(css: string): Set<string> {
  const rules = css.replace(/\/\*[\s\S]*?\*\//g, '').matchAll(/(?:^|[{}])\s*([^{}@]+)\{/g);
  const selectors = [...rules].flatMap(([, list = '']) => list.split(','));
  return new Set(selectors.flatMap((selector) => /^\s*\.([\w-]+)\s*$/.exec(selector)?.[1] ?? []));
}

/** Every word of a text in quotes: also those that are put together. */
function used(tsx: string): Set<string> {
  const texts = [...tsx.matchAll(/class=(?:"([^"]*)"|\{([^}]*(?:\{[^}]*\}[^}]*)*)\})/g)];
  return new Set(texts.flatMap(([, plain = '', code = '']) => `${plain} ${code}`.split(/[^\w-]+/)));
}

it.each(views)('no rule of the view %s reaches what another view shows', (view) => {
  const own = reached(filesOf(view, '.css'));
  const others = views.filter((other) => other !== view);
  const found = others.flatMap((other) =>
    [...used(filesOf(other, '.tsx'))].filter((name) => own.has(name)).map((name) => `${other}: .${name}`),
  );
  expect(found).toEqual([]);
});
