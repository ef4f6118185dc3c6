import { chmod, mkdir, rm, writeFile } from 'node:fs/promises';
import { delimiter, dirname, join } from 'node:path';
import { type Browser, chromium } from 'playwright-core';
import { installationDirectory } from '../../src/config/installation.js';
import { messageOf } from '../../src/model/error.js';
import {
  aptDistribution,
  libraryDirectories,
  type PackageSet,
  unpackPackages,
} from '../../src/server-packages/apt.js';
import { chooseCacheDir } from '../../src/server-packages/cache-dir.js';
import { exists, publishDirectory, sweepTemporary, temporaryName } from '../../src/std/files.js';
import { withLock } from '../../src/std/lock-file.js';

/** A browser, or why there is none here: then the tests that need one are skipped by name. */
export type ObtainedBrowser =
  | { readonly kind: 'found'; readonly command: string }
  | { readonly kind: 'missing'; readonly reason: string };

/** About 130 MB come over the network, once for each cache. */
const FETCH_MS = 240_000;
const LAUNCH_MS = 30_000;

/** Names under which Chromium and its kin are installed. */
const HOST_NAMES = ['chromium', 'chromium-headless-shell', 'google-chrome', 'google-chrome-stable'];

const chromiumPackages: PackageSet = {
  label: 'Chromium',
  hint: 'Install a chromium to run the tests of the page.',
  prefix: 'chromium',
  choose(names) {
    // Ubuntu's `chromium-browser` holds no browser, only a way to a snap.
    const browser = ['chromium-headless-shell', 'chromium'].find((name) => names.includes(name));
    if (browser === undefined) return null;
    return { closure: [browser, 'fonts-dejavu-core'], alone: ['fonts-inter'] };
  },
  // The host runs the same release: its own C library fits, and a second one would not fit its loader. Hardware
  // drivers (with a compiler in them) and what only serves installing are half of all that comes.
  notUnpacked:
    /^(libc6|libc-bin|adwaita|coreutils|dbus|debconf|debianutils|dpkg|gcc-|hicolor|libgl|libicu|libllvm|libpam|libperl|libvulkan|libz3|mesa|passwd|perl|sed|sensible|shared-mime|systemd|tar|ucf|x11-|xdg)/i,
};

/**
 * `SKEIN_BROWSER`: the path of a browser, or `obtain` to ignore those of the machine. Else one of the machine, else one
 * that is fetched into Skein's cache like the server is.
 */
export async function obtainBrowser(): Promise<ObtainedBrowser> {
  const wish = process.env.SKEIN_BROWSER ?? '';
  if (wish !== '' && wish !== 'obtain') return { kind: 'found', command: wish };
  try {
    const command = (wish === '' ? await onHost() : null) ?? (await fromCache());
    return { kind: 'found', command };
  } catch (error) {
    return { kind: 'missing', reason: `no browser: ${messageOf(error).split('\n')[0]}` };
  }
}

async function onHost(): Promise<string | null> {
  for (const directory of (process.env.PATH ?? '').split(delimiter)) {
    for (const name of HOST_NAMES) {
      const path = join(directory, name);
      if (directory !== '' && (await exists(path))) return path;
    }
  }
  return null;
}

async function fromCache(): Promise<string> {
  const distribution = await aptDistribution();
  if (distribution === null) throw new Error('it can be fetched only on Debian and Ubuntu (with apt)');
  const cacheDir = await chooseCacheDir({ projectDir: installationDirectory });
  const name = ['chromium', distribution.id, distribution.codename || 'rolling', process.arch].join('-');
  const entry = join(cacheDir, 'browsers', name);
  const command = join(entry, 'bin', 'chromium');
  if (await exists(entry)) return command;
  await mkdir(dirname(entry), { recursive: true, mode: 0o755 });
  const signal = AbortSignal.timeout(FETCH_MS);
  const fill = async () => {
    if (await exists(entry)) return;
    await sweepTemporary(entry);
    const temporary = temporaryName(entry);
    await mkdir(temporary, { mode: 0o755 });
    try {
      await unpackPackages(temporary, distribution, chromiumPackages, () => {}, signal);
      await writeScript(temporary);
      // An entry is published only when its browser has answered.
      await (await launch(join(temporary, 'bin', 'chromium'))).close();
      await publishDirectory(temporary, entry);
    } catch (error) {
      await rm(temporary, { recursive: true, force: true });
      throw error;
    }
  };
  await withLock(`${entry}.lock`, fill, signal);
  return command;
}

async function writeScript(directory: string): Promise<void> {
  const root = join(directory, 'root');
  const program = ['usr/lib/chromium/chromium-headless-shell', 'usr/lib/chromium/chromium'];
  const present = await Promise.all(program.map((path) => exists(join(root, path))));
  const path = program[present.indexOf(true)];
  if (path === undefined) throw new Error('the fetched packages hold no browser');
  // A library of libpulse lies one level deeper and is found by nobody else.
  const libraries = (await libraryDirectories(root))
    .flatMap((library) => [`$D/root/${library}`, `$D/root/${library}/pulseaudio`])
    .join(':');
  await writeFile(join(directory, 'fonts.conf'), FONTS);
  await mkdir(join(directory, 'bin'), { mode: 0o755 });
  const script = join(directory, 'bin', 'chromium');
  const text = `#!/bin/sh
D=$(CDPATH= cd -- "$(dirname -- "$0")/.." && pwd) || exit 127
export LD_LIBRARY_PATH="${libraries}" FONTCONFIG_FILE="$D/fonts.conf"
exec "$D/root/${path}" "$@"
`;
  await writeFile(script, text, { mode: 0o755 });
  await chmod(script, 0o755);
}

/** The host may have neither fonts nor a configuration; its cache is not touched. */
const FONTS = `<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "urn:fontconfig:fonts.dtd">
<fontconfig>
  <dir prefix="relative">root/usr/share/fonts</dir>
  <cachedir prefix="xdg">fontconfig</cachedir>
  <alias binding="same"><family>system-ui</family><prefer><family>Inter</family></prefer></alias>
  <alias binding="same"><family>sans-serif</family><prefer><family>Inter</family></prefer></alias>
  <alias binding="same"><family>monospace</family><prefer><family>DejaVu Sans Mono</family></prefer></alias>
</fontconfig>
`;

/** Starts it without a window, with an empty profile that is removed at its end. */
export function launch(command: string): Promise<Browser> {
  return chromium.launch({
    executablePath: command,
    timeout: LAUNCH_MS,
    args: [
      '--headless',
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
}
