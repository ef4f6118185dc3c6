/**
 * A node of a cluster that made its own authority keeps its own certificate current: long before its end, and when the cluster
 * has hosts that it is not made for (the read-write port of every node leads to the primary's server, which then answers under
 * the name of the node that the client asked).
 */
import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import { SkeinError } from '../model/error.js';
import { replaceFile } from '../std/files.js';
import { certificateHosts, issueCertificate, publicKeyOf } from './authority.js';

/** Certificates are valid for 825 days, so the files of a node that was off for a year are still valid. */
const RENEW_BEFORE_MS = 365 * 24 * 3600 * 1000;

export interface RenewalPaths {
  readonly certificate: string;
  readonly key: string;
  readonly ca: string;
  readonly caKey: string;
}

/** Why the certificate (PEM) has to be renewed; null while it is valid. `hosts`: of all members. Pure. */
function renewalReason(certificate: string, hosts: readonly string[], nowMs: number): string | null {
  const current = new X509Certificate(certificate);
  if (Date.parse(current.validTo) - nowMs < RENEW_BEFORE_MS) return `it ends at ${current.validTo}`;
  const missing = certificateHosts(hosts).filter((host) => !isFor(current, host));
  return missing.length === 0 ? null : `it is not made for ${missing.join(', ')}`;
}

function isFor(certificate: X509Certificate, host: string): boolean {
  return (isIP(host) === 0 ? certificate.checkHost(host) : certificate.checkIP(host)) !== undefined;
}

/**
 * Writes a new certificate, with the same key, where need be; whoever watches the file takes it.
 * @returns the reason, null when the certificate is good as it is
 * @throws SkeinError TLS_AUTHORITY_INVALID, TLS_HOST_INVALID (the certificate stays as it is), errors of the file system
 */
export async function renewCertificate(
  paths: RenewalPaths,
  node: { readonly name: string; readonly hosts: readonly string[] },
  nowMs = Date.now(),
): Promise<string | null> {
  const reason = renewalReason(await readFile(paths.certificate, 'utf8'), node.hosts, nowMs);
  if (reason === null) return null;
  const [ca, caKey, key] = await Promise.all(
    [paths.ca, paths.caKey, paths.key].map((path) => readFile(path, 'utf8')),
  );
  if (ca === undefined || caKey === undefined || key === undefined) return null;
  const certificate = issueCertificate(
    { certificate: ca, key: caKey },
    { name: node.name, publicKey: publicKeyOf(key), hosts: certificateHosts(node.hosts) },
    nowMs,
  );
  const fault = renewalReason(certificate, node.hosts, nowMs);
  // Written all the same, it would be made anew again and again.
  if (fault === reason)
    throw new SkeinError(
      'TLS_HOST_INVALID',
      `A new certificate would not help: ${fault}. Give the members names or addresses that a certificate can hold ("advertise", or the host of "link").`,
    );
  await replaceFile(paths.certificate, certificate, { mode: 0o644 });
  return reason;
}
