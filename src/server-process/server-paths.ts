import { join, resolve } from 'node:path';

/** Where the things of a managed server lie, in the directory of its node. */
export interface ServerPaths {
  readonly directory: string;
  readonly dataDir: string;
  readonly tmpDir: string;
  readonly log: string;
  /** Exists while recovery after a crash is not finished. */
  readonly unsettled: string;
  /** Exists while time zones are to be loaded. */
  readonly loadTimeZones: string;
  /** Files that the engine does not know since a crash. */
  readonly setAside: string;
}

export function serverPaths(nodeDirectory: string): ServerPaths {
  // mariadbd gets absolute paths, by which it is also recognised.
  const directory = resolve(nodeDirectory);
  return {
    directory,
    dataDir: join(directory, 'data'),
    tmpDir: join(directory, 'tmp'),
    log: join(directory, 'server.log'),
    unsettled: join(directory, 'unsettled'),
    loadTimeZones: join(directory, 'load-time-zones'),
    setAside: join(directory, 'set-aside'),
  };
}
