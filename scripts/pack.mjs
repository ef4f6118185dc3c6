// What `npm pack` runs before and after it packs: builds, and makes the file behind the package's command `skein` for as long as the
// packing takes. A clone has no such file (and no "bin"): npx would then install the clone into its own cache at each
// `npx skein`, instead of running it as it is (scripts/launch.mjs links what it runs).
import { chmodSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { build } from './build.mjs';

const command = join(import.meta.dirname, '../packaging/bin/skein');

if (process.argv[2] === 'done') {
  rmSync(dirname(command), { recursive: true, force: true });
} else {
  await build({ onlyIfChanged: true });
  mkdirSync(dirname(command), { recursive: true });
  writeFileSync(
    command,
    "#!/usr/bin/env node\nawait import(new URL('../../dist/main.js', import.meta.url).href);\n",
  );
  // A file without an ending is of the type that the package says: an ES module.
  chmodSync(command, 0o755);
}
