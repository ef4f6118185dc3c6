import { readFile, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { exists } from './files.js';
import { run } from './run.js';

/** The user as which a server runs. `switched` is false when that is the user of this process. */
export interface RunUser {
  readonly uid: number;
  readonly gid: number;
  readonly name: string;
  readonly switched: boolean;
}

const NOBODY = 65534;

/** The user for servers: that of this process; for root, `mysql` where the host has it, else `nobody`. */
export async function preferredRunUser(): Promise<RunUser> {
  const uid = process.getuid?.() ?? NOBODY;
  const gid = process.getgid?.() ?? NOBODY;
  if (uid !== 0) return { uid, gid, name: (await nameOf(uid)) ?? String(uid), switched: false };
  const mysql = (await passwd()).find((entry) => entry.name === 'mysql');
  if (mysql) return { ...mysql, switched: true };
  return { uid: NOBODY, gid: NOBODY, name: (await nameOf(NOBODY)) ?? String(NOBODY), switched: true };
}

/** The owner of `path` as a run user: the fallback when no other user can reach the path. */
export async function ownerOf(path: string): Promise<RunUser> {
  const { uid, gid } = await stat(path);
  return { uid, gid, name: (await nameOf(uid)) ?? String(uid), switched: uid !== process.getuid?.() };
}

/** True when `user` can enter the nearest existing directory of `path`; tried for real, as that user. */
export async function canReach(user: RunUser, path: string): Promise<boolean> {
  let directory = path;
  while (!(await exists(directory))) directory = dirname(directory);
  if (!user.switched) return true;
  const { code } = await run('/bin/sh', ['-c', 'test -r "$0" && test -x "$0"', directory], {
    cwd: '/',
    uid: user.uid,
    gid: user.gid,
  });
  return code === 0;
}

async function nameOf(uid: number): Promise<string | undefined> {
  return (await passwd()).find((entry) => entry.uid === uid)?.name;
}

async function passwd(): Promise<{ name: string; uid: number; gid: number }[]> {
  const text = await readFile('/etc/passwd', 'utf8').catch(() => '');
  return text.split('\n').flatMap((line) => {
    const [name, , uid, gid] = line.split(':');
    return name && uid && gid ? [{ name, uid: Number(uid), gid: Number(gid) }] : [];
  });
}
