#!/usr/bin/env node
// `npx skein` (scripts/launch.mjs links it into node_modules/.bin).
import { existsSync } from 'node:fs';

const main = new URL('../dist/main.js', import.meta.url);
if (existsSync(main)) await import(main.href);
else {
  console.error('skein: not built yet; run "npm run build" first');
  process.exitCode = 1;
}
