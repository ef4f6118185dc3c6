// `node scripts/launch.mjs <module> [arguments]`, behind `npm start`, `npm test` and others: installs what package-lock.json names and
// builds when something changed, then runs the module in this process. `--installed` is what npm calls after each install.
// Nothing here comes from a package, because this runs before there is one, and nothing is newer than Node 16, so that an old Node
// gets as far as the message about it.
import { spawnSync } from 'node:child_process';
import { accessSync, constants, mkdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** A failure with a text for people; anything else that is thrown is a defect. */
class LaunchError extends Error {}

function checkNode() {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  if (major > 20 || (major === 20 && minor >= 19)) return;
  throw new LaunchError(
    `Skein needs Node.js 20.19 or newer; this is ${process.versions.node} (${process.execPath}).\n` +
      'Install a current version from https://nodejs.org or with your version manager (for example `nvm install 22`), then try again.',
  );
}

/** @param {number} mode @param {string} path */
function may(mode, path) {
  try {
    accessSync(path, mode);
    return true;
  } catch {
    return false;
  }
}

/** True when what is installed is what the lock file names, whoever installed it. */
function isInstalled() {
  /** @param {string} file @returns {[string, { version?: string, optional?: boolean }][]} */
  const packagesOf = (file) => Object.entries(JSON.parse(readFileSync(join(root, file), 'utf8')).packages);
  if (!may(constants.R_OK, join(root, 'node_modules/.package-lock.json'))) return false;
  const present = Object.fromEntries(packagesOf('node_modules/.package-lock.json'));
  return packagesOf('package-lock.json').every(
    ([path, { version, optional }]) =>
      // An optional one that is missing is for another platform.
      path === '' || (present[path] ? present[path].version === version : optional === true),
  );
}

function install() {
  console.error('skein: installing the packages that package-lock.json names (once) ...');
  const env = { ...process.env };
  // A service account may have no home, and npm needs a place for its cache (which the npm above us has set).
  const cache = env.npm_config_cache ?? join(env.HOME ?? '/nonexistent', '.npm');
  try {
    mkdirSync(cache, { recursive: true });
    accessSync(cache, constants.W_OK);
  } catch {
    env.npm_config_cache = join(root, '.skein-cache/npm');
    env.npm_config_logs_dir = join(env.npm_config_cache, '_logs');
  }
  // Standard output belongs to the command: its line "skein ready", its counts.
  const { status } = spawnSync('npm', ['ci', '--include=dev', '--loglevel=error'], {
    cwd: root,
    env,
    stdio: ['ignore', 2, 2],
  });
  if (status !== 0) {
    throw new LaunchError(
      'The packages could not be installed (npm ci, see above). Without a network, copy node_modules from a machine that has one.',
    );
  }
  linkCommand();
}

/**
 * What `npx skein` runs. With a "bin" in package.json npx would install this very package into its own cache at each call:
 * that takes a second more, and fails for a service account that has no home.
 */
function linkCommand() {
  const link = join(root, 'node_modules/.bin/skein');
  mkdirSync(dirname(link), { recursive: true });
  rmSync(link, { force: true });
  symlinkSync('../../scripts/skein.mjs', link);
}

/** Installs and builds, each only when something changed. */
async function prepare() {
  const { withLock } = await import('./lock.mjs');
  const { build, isBuilt } = await import('./build.mjs');
  if (isInstalled() && isBuilt()) return;
  if (!may(constants.W_OK, root)) {
    throw new LaunchError(
      `Packages or sources have changed since the last build, and this user cannot write to ${root}.\n` +
        'Run `npm ci` and `npm run build` as its owner, or make a clone of your own.',
    );
  }
  await withLock('installation', async () => {
    if (!isInstalled()) install();
  });
  await build({ onlyIfChanged: true }).catch((error) => {
    throw new LaunchError(error.message);
  });
}

try {
  checkNode();
  const [module, ...args] = process.argv.slice(2);
  if (module === undefined) throw new LaunchError('usage: node scripts/launch.mjs <module> [arguments]');
  if (module === '--installed') linkCommand();
  else {
    const path = resolve(root, module);
    await prepare();
    // In this very process: no second start, and nobody in between who would have to pass signals on.
    process.argv = [process.execPath, path, ...args];
    await import(pathToFileURL(path).href);
  }
} catch (error) {
  if (!(error instanceof LaunchError)) throw error;
  console.error(`skein: ${error.message}`);
  // The last line of a test run is a count, also when it could not begin.
  if (process.argv[2] === 'scripts/test.mjs') console.log('0 passed, 1 failed');
  process.exitCode = 1;
}
