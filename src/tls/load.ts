/** Reads a certificate, its key and its authority, and reports what is wrong with them before anybody connects. */
import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { messageOf, SkeinError } from '../model/error.js';
import type { TlsIdentity } from '../std/tls-source.js';

export interface TlsPaths {
  readonly certificate: string;
  readonly key: string;
  readonly ca: string | null;
}

export interface LoadedTls extends TlsIdentity {
  readonly subject: string;
  /** Unix ms. */
  readonly expiresAtMs: number;
}

const PEM_CERTIFICATE = /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g;
/** Longer chains are loops. */
const CHAIN_MAX = 10;

/**
 * @throws SkeinError TLS_FILE_UNREADABLE, TLS_CERTIFICATE_INVALID, TLS_CERTIFICATE_EXPIRED, TLS_CERTIFICATE_NOT_YET_VALID,
 *   TLS_KEY_INVALID, TLS_KEY_MISMATCH, TLS_CA_INVALID, TLS_CA_MISMATCH
 */
export function loadTls(paths: TlsPaths, nowMs = Date.now()): LoadedTls {
  const cert = read(paths.certificate, 'certificate');
  const key = read(paths.key, 'key');
  const ca = paths.ca === null ? undefined : read(paths.ca, 'authority (ca)');
  const chain = certificatesIn(cert, paths.certificate, 'TLS_CERTIFICATE_INVALID');
  const [leaf] = chain;
  if (!leaf) throw noCertificate(paths.certificate, 'TLS_CERTIFICATE_INVALID');
  checkTime(leaf, paths.certificate, nowMs);
  if (!leaf.checkPrivateKey(privateKey(key, paths.key))) {
    throw new SkeinError(
      'TLS_KEY_MISMATCH',
      `The key ${paths.key} does not belong to the certificate ${paths.certificate} (${nameOf(leaf)}).`,
    );
  }
  if (ca !== undefined && paths.ca !== null) {
    const authorities = certificatesIn(ca, paths.ca, 'TLS_CA_INVALID');
    if (!isSignedBy(leaf, chain.slice(1), authorities)) {
      throw new SkeinError(
        'TLS_CA_MISMATCH',
        `The certificate ${paths.certificate} (${nameOf(leaf)}) was not signed by the authority in ${paths.ca}. ` +
          'Intermediate certificates belong in the certificate file, after the certificate.',
      );
    }
  }
  return {
    cert,
    key,
    ...(ca !== undefined && { ca }),
    subject: nameOf(leaf),
    expiresAtMs: Date.parse(leaf.validTo),
  };
}

function read(path: string, what: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new SkeinError('TLS_FILE_UNREADABLE', `The TLS ${what} cannot be read: ${messageOf(error)}`, {
      cause: error,
    });
  }
}

function certificatesIn(text: string, path: string, code: string): X509Certificate[] {
  const found = text.match(PEM_CERTIFICATE) ?? [];
  if (found.length === 0) throw noCertificate(path, code);
  try {
    return found.map((pem) => new X509Certificate(pem));
  } catch (error) {
    throw new SkeinError(code, `${path} holds a damaged certificate: ${messageOf(error)}`, { cause: error });
  }
}

function noCertificate(path: string, code: string): SkeinError {
  return new SkeinError(code, `${path} holds no certificate in PEM form ("-----BEGIN CERTIFICATE-----").`);
}

function privateKey(text: string, path: string): KeyObject {
  try {
    return createPrivateKey(text);
  } catch (error) {
    throw new SkeinError(
      'TLS_KEY_INVALID',
      `${path} holds no private key in PEM form without a passphrase: ${messageOf(error)}`,
      { cause: error },
    );
  }
}

function checkTime(leaf: X509Certificate, path: string, nowMs: number): void {
  if (Date.parse(leaf.validTo) <= nowMs) {
    throw new SkeinError(
      'TLS_CERTIFICATE_EXPIRED',
      `The certificate ${path} (${nameOf(leaf)}) expired at ${leaf.validTo}.`,
    );
  }
  if (Date.parse(leaf.validFrom) > nowMs) {
    throw new SkeinError(
      'TLS_CERTIFICATE_NOT_YET_VALID',
      `The certificate ${path} (${nameOf(leaf)}) is valid only from ${leaf.validFrom} on; is the clock right?`,
    );
  }
}

function isSignedBy(
  leaf: X509Certificate,
  between: readonly X509Certificate[],
  authorities: readonly X509Certificate[],
): boolean {
  let certificate = leaf;
  for (let depth = 0; depth < CHAIN_MAX; depth++) {
    const signed = (issuer: X509Certificate) =>
      certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey);
    if (authorities.some(signed)) return true;
    const next = between.find(signed);
    if (!next) return false;
    certificate = next;
  }
  return false;
}

function nameOf(certificate: X509Certificate): string {
  return certificate.subject.split('\n').reverse().join(', ') || certificate.subjectAltName || 'no name';
}
