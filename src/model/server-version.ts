/** Versions of servers and of their backup programs. Pure. */

export interface Release {
  readonly major: number;
  readonly minor: number;
  readonly patch: number;
}

/** From `10.11.19-MariaDB-0+deb12u1`; null when the text does not begin with a release. */
export function parseRelease(version: string): Release | null {
  const match = /^(\d+)\.(\d+)\.(\d+)/.exec(version);
  if (!match) return null;
  return { major: Number(match[1]), minor: Number(match[2]), patch: Number(match[3]) };
}

/** Whether a server is of this series or a later one; false when its version is not known. */
export function isAtLeast(version: string, major: number, minor: number): boolean {
  const release = parseRelease(version);
  return release !== null && (release.major > major || (release.major === major && release.minor >= minor));
}

/** `10.11.19` of `10.11.19-MariaDB-0+deb12u1`. */
export function releaseOf(version: string): string {
  return /^\d+\.\d+\.\d+/.exec(version)?.[0] ?? version;
}

/** `10.11` of `10.11.19-MariaDB-0+deb12u1`. */
export function seriesOf(version: string): string {
  return /^\d+\.\d+/.exec(version)?.[0] ?? version;
}

/** From what `mariadb-backup --version` prints. */
export function parseBackupVersion(text: string): string | null {
  return /MariaDB server (\d+\.\d+\.\d+)/.exec(text)?.[1] ?? null;
}

/**
 * Whether a backup program can copy a server's files, or a server can start on files of such a version. The format of the
 * files is that of the series (10.11); within a series a newer patch release reads what an older one has written.
 */
export function fitsServer(version: string, ofFiles: string): boolean {
  const reader = parseRelease(version);
  const files = parseRelease(ofFiles);
  if (!reader || !files) return false;
  return reader.major === files.major && reader.minor === files.minor && reader.patch >= files.patch;
}
