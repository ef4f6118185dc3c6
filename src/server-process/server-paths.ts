import { join, resolve } from 'node:path';

/** Paths of a managed server's files in the directory of its node. */
export interface ServerPaths {
  readonly directory: string;
  readonly dataDir: string;
  readonly tmpDir: string;
  readonly log: string;
  /** This file exists while recovery after a crash is not finished. */
  readonly unsettled: string;
  /** This file exists while time zones are to be loaded. */
  readonly loadTimeZones: string;
  /** Directory for files that the engine does not know after a crash. */
  readonly setAside: string;
}

export function serverPaths(nodeDirectory: string): ServerPaths {
  // The server gets absolute paths. The node recognises its server by them.
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
