/** Whether a machine can become a member of a cluster, as far as can be known before it is one. Pure. */
import type { Static } from '@sinclair/typebox';
import { linkText } from '../model/members.js';
import { bytesText } from '../std/bytes-text.js';
import { LINK_VERSION } from '../wire/frames.js';
import type { JoinDetails } from './messages.js';

export type JoinerFacts = Static<typeof JoinDetails>;

export interface ClusterFacts {
  readonly cluster: string;
  readonly skein: string;
  readonly members: readonly {
    readonly name: string;
    /** `host:port` */
    readonly link: string;
    /** Null when it is not known. */
    readonly server: { readonly flavour: string; readonly version: string } | null;
  }[];
  /** Of the primary's server. */
  readonly dataBytes: number;
  readonly tls: { readonly issues: boolean } | null;
}

export interface Unsuitable {
  readonly code:
    | 'JOIN_VERSION'
    | 'MEMBER_EXISTS'
    | 'SERVER_UNSUITABLE'
    | 'DISK_TOO_SMALL'
    | 'CERTIFICATE_NEEDED'
    | 'ADDRESS_LOCAL';
  /** For people, on both sides. */
  readonly message: string;
}

/** Room for the spool, logs and what the server writes beside its tables. */
const EXTRA_BYTES = 256 * 1024 ** 2;
/** While its data comes, it grows. */
const DATA_FACTOR = 1.2;

/** Null when nothing speaks against it. `name`: what it is to be called. */
export function unsuitable(name: string, joiner: JoinerFacts, cluster: ClusterFacts): Unsuitable | null {
  return (
    otherVersion(joiner, cluster) ??
    nameTaken(name, joiner, cluster) ??
    localAddress(joiner, cluster) ??
    serverFault(joiner, cluster) ??
    diskFault(joiner, cluster) ??
    certificateFault(joiner, cluster)
  );
}

/** n1, n2 ...: the first that no member has. */
export function freeName(taken: readonly string[]): string {
  let number = 1;
  while (taken.includes(`n${number}`)) number++;
  return `n${number}`;
}

function otherVersion(joiner: JoinerFacts, cluster: ClusterFacts): Unsuitable | null {
  if (joiner.link === LINK_VERSION) return null;
  return {
    code: 'JOIN_VERSION',
    message: `The machine has Skein ${joiner.skein} (link protocol ${joiner.link}), the cluster ${cluster.skein} (link protocol ${LINK_VERSION}). Install the cluster's version on it.`,
  };
}

function nameTaken(name: string, { host, ports }: JoinerFacts, { members }: ClusterFacts): Unsuitable | null {
  const link = linkText({ host, port: ports.link });
  if (members.some((member) => member.name === name)) {
    return {
      code: 'MEMBER_EXISTS',
      message: `The cluster has a member ${name} already. Choose another --name, or remove the old one first: skein remove ${name}`,
    };
  }
  const other = members.find((member) => member.link === link);
  if (!other) return null;
  return {
    code: 'MEMBER_EXISTS',
    message: `The member ${other.name} has the address ${link} already. Choose another port or --advertise address, or remove ${other.name} first.`,
  };
}

function localAddress({ host }: JoinerFacts, { members }: ClusterFacts): Unsuitable | null {
  if (!isLoopback(host) || members.every(({ link }) => isLoopback(hostOf(link)))) return null;
  return {
    code: 'ADDRESS_LOCAL',
    message: `The others could not reach the machine at ${host}: it is the loopback address of each of them. Name another one: --advertise <address>`,
  };
}

function serverFault({ server }: JoinerFacts, { members }: ClusterFacts): Unsuitable | null {
  const servers = members.flatMap((member) => (member.server === null ? [] : [member.server]));
  const newest = servers.reduce<(typeof servers)[number] | null>(
    (best, one) => (best === null || compareVersions(one.version, best.version) > 0 ? one : best),
    null,
  );
  if (newest === null || server === null) return null;
  if (newest.flavour !== server.flavour) {
    return {
      code: 'SERVER_UNSUITABLE',
      message: `The machine's database server is ${server.flavour} ${server.version}, the cluster's are ${newest.flavour}. All have to be of one kind.`,
    };
  }
  if (compareVersions(server.version, newest.version) >= 0) return null;
  return {
    code: 'SERVER_UNSUITABLE',
    message: `The machine's database server is ${server.flavour} ${server.version}, older than ${newest.version} of the cluster. Install ${newest.version} or a newer one on it, or name one: --server mariadb-<series>, or the path of a server program.`,
  };
}

function diskFault({ freeBytes, server }: JoinerFacts, { dataBytes }: ClusterFacts): Unsuitable | null {
  if (server === null) {
    if (freeBytes >= EXTRA_BYTES) return null;
    return {
      code: 'DISK_TOO_SMALL',
      message: `The machine's disk has ${bytesText(freeBytes)} free; a witness needs ${bytesText(EXTRA_BYTES)} at least. Make room, or choose another --dir.`,
    };
  }
  const needed = Math.ceil(dataBytes * DATA_FACTOR) + EXTRA_BYTES;
  if (freeBytes >= needed) return null;
  return {
    code: 'DISK_TOO_SMALL',
    message: `The machine's disk has ${bytesText(freeBytes)} free; a member needs ${bytesText(needed)} (the cluster's data is ${bytesText(dataBytes)}). Make room, or choose another --dir.`,
  };
}

function certificateFault(joiner: JoinerFacts, { tls }: ClusterFacts): Unsuitable | null {
  if (tls === null || tls.issues || joiner.hasCertificate) return null;
  return {
    code: 'CERTIFICATE_NEEDED',
    message:
      "The cluster uses TLS with certificates that were made elsewhere, and does not have their authority's key. Have a certificate signed for the machine, and name it: --certificate <file> --key <file>",
  };
}

/** By their leading numbers: 10.11.9 is before 10.11.19. Negative when `a` is older. */
export function compareVersions(a: string, b: string): number {
  const [left, right] = [numbersOf(a), numbersOf(b)];
  for (let at = 0; at < 3; at++) {
    const difference = (left[at] ?? 0) - (right[at] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

function numbersOf(version: string): number[] {
  return (/^\d+(?:\.\d+)*/.exec(version)?.[0] ?? '').split('.').map(Number);
}

function hostOf(link: string): string {
  return link.slice(0, link.lastIndexOf(':')).replace(/^\[|\]$/g, '');
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127\./.test(host);
}
