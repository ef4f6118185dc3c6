import type { ServerProgram } from '../server-program.js';
import { emptyServer, hasFailed, isOffline, rollBackPrepared, saysWhy, statements } from './offline-runs.js';
import { nodeArgs, serverArgs } from './server-args.js';
import { mariadbWords } from './server-words.js';

export const mariadbProgram: ServerProgram = {
  ...{ serverArgs, nodeArgs, asRoot: ['--user=root'] },
  ...{ emptyServer, statements, rollBackPrepared, hasFailed, saysWhy, isOffline },
  relayState: /^(relay\.(\d+|index)|relay-log\.info|master\.info|multi-master\.info)$/,
  words: mariadbWords,
  untruncated: "DDL, XA or another engine's changes",
};
