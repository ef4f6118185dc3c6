/**
 * The authority of a cluster that made it itself: a certificate that signs those of the nodes. The encoding is here, signing
 * and keys are those of node:crypto.
 */
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  sign,
  X509Certificate,
} from 'node:crypto';
import { isIP } from 'node:net';
import { messageOf, SkeinError } from '../model/error.js';
import {
  bitString,
  boolean,
  element,
  integer,
  octetString,
  oid,
  sequence,
  set,
  time,
  utf8String,
} from './der.js';

const DAY_MS = 24 * 3600 * 1000;
/** The clock of a machine may be behind by this much and it still takes a new certificate. */
const BACKDATED_MS = DAY_MS;
/** Nodes renew their own certificates long before the end (tls/renewal.ts); the authority's certificate is never renewed. */
const AUTHORITY_MS = 20 * 365 * DAY_MS;
/** The longest validity that Apple's systems accept from an authority that was added by hand. */
const NODE_MS = 825 * DAY_MS;

const OID = {
  ecdsaWithSha256: '1.2.840.10045.4.3.2',
  commonName: '2.5.4.3',
  subjectKeyId: '2.5.29.14',
  keyUsage: '2.5.29.15',
  subjectAltName: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  authorityKeyId: '2.5.29.35',
  extendedKeyUsage: '2.5.29.37',
  serverAuth: '1.3.6.1.5.5.7.3.1',
  clientAuth: '1.3.6.1.5.5.7.3.2',
} as const;

/** PEM texts. */
export interface Authority {
  readonly certificate: string;
  readonly key: string;
}

/** PEM of a P-256 key, which every TLS client accepts. */
export function newKey(): string {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return privateKey.export({ format: 'pem', type: 'pkcs8' }) as string;
}

/** PEM of the public half. */
export function publicKeyOf(key: string): string {
  return createPublicKey(key).export({ format: 'pem', type: 'spki' }) as string;
}

/** The hosts of a node's certificate: `hosts`, and this machine. */
export function certificateHosts(hosts: readonly string[]): string[] {
  return [...new Set([...hosts, 'localhost', '127.0.0.1', '::1'])];
}

/** `name`: of the authority, for people. */
export function newAuthority(name: string, nowMs = Date.now()): Authority {
  const key = newKey();
  const publicKey = createPublicKey(key);
  const certificate = signed(
    {
      issuer: name,
      subject: name,
      publicKey,
      nowMs,
      lifeMs: AUTHORITY_MS,
      extensions: [
        // The authority signs nodes, and no other authority.
        extension(OID.basicConstraints, sequence(boolean(true), integer(Uint8Array.of(0))), {
          critical: true,
        }),
        // keyCertSign and cRLSign.
        extension(OID.keyUsage, bitString(Uint8Array.of(0b0000_0110), 1), { critical: true }),
        extension(OID.subjectKeyId, octetString(keyId(publicKey))),
      ],
    },
    createPrivateKey(key),
  );
  return { certificate, key };
}

/**
 * A certificate for a node, as server and as client; PEM.
 * `publicKey`: PEM. `hosts`: names and addresses under which it is reached.
 * @throws SkeinError TLS_AUTHORITY_INVALID, TLS_PUBLIC_KEY_INVALID
 */
export function issueCertificate(
  authority: Authority,
  node: { readonly name: string; readonly publicKey: string; readonly hosts: readonly string[] },
  nowMs = Date.now(),
): string {
  const { issuer, authorityKey } = openAuthority(authority);
  const publicKey = nodeKey(node.publicKey);
  return signed(
    {
      issuer,
      subject: node.name,
      publicKey,
      nowMs,
      lifeMs: NODE_MS,
      extensions: [
        extension(OID.basicConstraints, sequence(), { critical: true }),
        // digitalSignature.
        extension(OID.keyUsage, bitString(Uint8Array.of(0b1000_0000), 7), { critical: true }),
        extension(OID.extendedKeyUsage, sequence(oid(OID.serverAuth), oid(OID.clientAuth))),
        extension(OID.subjectAltName, sequence(...node.hosts.map(alternativeName))),
        extension(OID.subjectKeyId, octetString(keyId(publicKey))),
        extension(OID.authorityKeyId, sequence(element(0x80, keyId(createPublicKey(authorityKey))))),
      ],
    },
    authorityKey,
  );
}

function openAuthority({ certificate, key }: Authority): { issuer: string; authorityKey: KeyObject } {
  try {
    const own = new X509Certificate(certificate);
    const authorityKey = createPrivateKey(key);
    const issuer = /^CN=(.+)$/.exec(own.subject)?.[1];
    const isP256 = authorityKey.asymmetricKeyDetails?.namedCurve === 'prime256v1';
    if (issuer !== undefined && isP256 && own.ca && own.checkPrivateKey(authorityKey)) {
      return { issuer, authorityKey };
    }
  } catch (error) {
    throw new SkeinError('TLS_AUTHORITY_INVALID', `The authority cannot be used: ${messageOf(error)}`, {
      cause: error,
    });
  }
  throw new SkeinError(
    'TLS_AUTHORITY_INVALID',
    'The authority cannot sign: its key does not belong to its certificate, or Skein did not make them. Sign the certificate elsewhere.',
  );
}

function nodeKey(pem: string): KeyObject {
  try {
    const key = createPublicKey(pem);
    if (key.asymmetricKeyDetails?.namedCurve === 'prime256v1') return key;
  } catch {
    // As one of another kind.
  }
  throw new SkeinError('TLS_PUBLIC_KEY_INVALID', 'The public key is not a P-256 key in PEM form.');
}

interface Contents {
  readonly issuer: string;
  readonly subject: string;
  readonly publicKey: KeyObject;
  readonly nowMs: number;
  readonly lifeMs: number;
  readonly extensions: readonly Buffer[];
}

/** RFC 5280, 4.1. */
function signed(contents: Contents, authorityKey: KeyObject): string {
  const algorithm = sequence(oid(OID.ecdsaWithSha256));
  const body = sequence(
    element(0xa0, integer(Uint8Array.of(2))),
    integer(serial()),
    algorithm,
    distinguishedName(contents.issuer),
    sequence(time(contents.nowMs - BACKDATED_MS), time(contents.nowMs + contents.lifeMs)),
    distinguishedName(contents.subject),
    contents.publicKey.export({ format: 'der', type: 'spki' }),
    element(0xa3, sequence(...contents.extensions)),
  );
  const der = sequence(body, algorithm, bitString(sign('sha256', body, authorityKey)));
  const lines = der.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
}

/** Random, so that no two nodes need to agree on numbers; the first bits make it positive and as long as it looks. */
function serial(): Buffer {
  const bytes = randomBytes(16);
  bytes[0] = ((bytes[0] ?? 0) & 0x3f) | 0x40;
  return bytes;
}

function distinguishedName(commonName: string): Buffer {
  return sequence(set(sequence(oid(OID.commonName), utf8String(commonName))));
}

function extension(id: string, value: Buffer, { critical = false } = {}): Buffer {
  return sequence(oid(id), ...(critical ? [boolean(true)] : []), octetString(value));
}

/** SHA-1 of the public key's bits: the usual name of a key (RFC 5280, 4.2.1.2), not a protection. */
function keyId(publicKey: KeyObject): Buffer {
  // The last 65 bytes of the DER of a P-256 key are its point.
  const point = publicKey.export({ format: 'der', type: 'spki' }).subarray(-65);
  return createHash('sha1').update(point).digest();
}

function alternativeName(host: string): Buffer {
  return isIP(host) === 0 ? element(0x82, Buffer.from(host, 'ascii')) : element(0x87, addressBytes(host));
}

function addressBytes(address: string): Buffer {
  if (isIP(address) === 4) return Buffer.from(address.split('.').map(Number));
  // The URL parser writes an IPv6 address in its one short form.
  const short = new URL(`http://[${address.split('%')[0]}]/`).hostname.slice(1, -1);
  const [head = '', tail] = short.split('::').map((half) => half.split(':').filter((group) => group !== ''));
  const [before, after] = [head as string[], (tail ?? []) as string[]];
  const zeros = Array<string>(8 - before.length - after.length).fill('0');
  const groups = [...before, ...zeros, ...after];
  return Buffer.from(groups.map((group) => group.padStart(4, '0')).join(''), 'hex');
}
