import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type Identity, writeIdentity } from '../config/identity.js';
import type { Flavour } from '../flavour/flavour.js';
import { type MemberPlace, placeOf } from '../model/members.js';
import { ORIGIN } from '../model/position.js';
import type { Spool } from '../spool/spool.js';
import type { Logger } from '../std/logger.js';
import type { ChainFile } from './chain-file.js';
import { type RestoredHistory, restoredChain } from './restored-history.js';
import { spoolBase } from './spool-base.js';

export interface FoundingModules {
  readonly logger: Logger;
  readonly chainFile: ChainFile;
  readonly spool: Pick<Spool, 'incarnation' | 'end' | 'restartAfter'>;
  readonly flavour: Flavour;
}

/**
 * The birth of a cluster (rule E5): its founder writes the first list, with itself as the only voter. That happens once. A
 * founder with data but without a chain has lost its chain, and founds nothing, unless the data comes from a restore.
 */
export async function foundCluster(
  {
    directory,
    identity,
    place,
    restored,
  }: { directory: string; identity: Identity; place: MemberPlace; restored: RestoredHistory | null },
  { logger, chainFile, spool, flavour }: FoundingModules,
): Promise<void> {
  if (!identity.founder) return;
  if (chainFile.chain.length === 0) {
    if (restored === null && (existsSync(join(directory, 'data')) || spool.end.ordinal > 0)) return;
    const self = { ...placeOf(place), incarnation: spool.incarnation, voter: true };
    const atOrigin = { epoch: 0, number: 0, beginsAfter: ORIGIN, primary: place.name, members: [self] };
    if (restored === null) await chainFile.save([atOrigin]);
    else {
      const chain = restoredChain(restored, self);
      // The data has everything up to there, and the log of the new cluster goes on behind it.
      await spool.restartAfter(spoolBase(restored.position, { chain, flavour }));
      await chainFile.save(chain);
    }
    logger.info({ cluster: identity.cluster, members: [self] }, 'cluster founded');
  }
  await writeIdentity(directory, { ...identity, founder: false });
}
