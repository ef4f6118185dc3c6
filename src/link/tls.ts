/** TLS below the link: both ends show a certificate of the cluster's authority before the first frame. */
import { once } from 'node:events';
import { createServer, isIP, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer, connect as tlsConnect } from 'node:tls';
import { messageOf, SkeinError } from '../model/error.js';
import type { TlsSource } from '../std/tls-source.js';

/** Deadline for the TLS handshake, so that idle unauthenticated connections do not pile up. */
const HANDSHAKE_MS = 5_000;

export interface AcceptOptions {
  readonly highWaterMark: number;
  readonly tls: TlsSource | null;
  /** Connections at a time, those in their TLS handshake included. */
  readonly connectionsMax: number;
  connected(socket: Socket): void;
  /** The TLS handshake failed; `silent` when the peer only checked whether the port is open. */
  refused(error: SkeinError, socket: Socket, silent: boolean): void;
}

/** A listening end; not listening yet. */
export function linkServer({
  tls,
  highWaterMark,
  connectionsMax,
  connected,
  refused,
}: AcceptOptions): Server {
  if (tls === null) return createServer({ highWaterMark }, connected);
  const server = createTlsServer(
    {
      ...tls.current,
      requestCert: true,
      rejectUnauthorized: true,
      handshakeTimeout: HANDSHAKE_MS,
    },
    connected,
  );
  server.maxConnections = connectionsMax;
  server.on('tlsClientError', (error, socket) => {
    // Set when the certificate was refused; the error itself then only says that the socket is gone.
    const { authorizationError } = socket as { authorizationError?: unknown };
    const { code = '' } = error as NodeJS.ErrnoException;
    socket.destroy();
    const message = authorizationError
      ? `Its certificate was refused: ${certificateFault(String(authorizationError))}.`
      : acceptFault(code, error);
    const silent = code === 'ECONNRESET' && !authorizationError;
    refused(new SkeinError('LINK_TLS_REFUSED', message, { cause: error }), socket, silent);
  });
  const off = tls.onChange.on(() => server.setSecureContext(tls.current));
  server.once('close', off);
  return server;
}

function acceptFault(code: string, error: Error): string {
  if (code === 'ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE') {
    return 'It showed no certificate; a link needs one that the authority in "tls.ca" has signed.';
  }
  if (code === 'ERR_SSL_WRONG_VERSION_NUMBER' || code === 'ERR_SSL_HTTP_REQUEST') {
    return 'It does not speak TLS; this node takes links with TLS only ("tls" in its configuration).';
  }
  return `TLS failed: ${(error as { reason?: string }).reason ?? messageOf(error)}`;
}

/** OpenSSL's words for what is met most, in ours. */
function certificateFault(code: string): string {
  if (code === 'CERT_HAS_EXPIRED') return 'it has expired';
  if (code === 'CERT_NOT_YET_VALID') return 'it is not valid yet';
  if (/UNABLE_TO_(GET_ISSUER|VERIFY)|SELF_SIGNED/.test(code)) {
    return `the authority in "tls.ca" has not signed it (${code})`;
  }
  return code;
}

/**
 * Puts TLS on a connection to a link port. `peer`: whom this end means, for errors.
 * @throws SkeinError LINK_TLS_FAILED
 */
export async function secure(
  socket: Socket,
  tls: TlsSource,
  options: { host: string; peer: string; signal: AbortSignal },
): Promise<Socket> {
  const { host, peer, signal } = options;
  const secured = tlsConnect({ socket, host, ...(isIP(host) ? {} : { servername: host }), ...tls.current });
  try {
    await once(secured, 'secureConnect', { signal });
    return secured;
  } catch (error) {
    secured.destroy();
    if (signal.aborted) throw error;
    throw new SkeinError(
      'LINK_TLS_FAILED',
      `TLS with the link port of ${peer} at ${host} failed: ${dialFault(error)}`,
      { cause: error },
    );
  }
}

function dialFault(error: unknown): string {
  const { code = '' } = error as NodeJS.ErrnoException;
  if (code === 'ERR_SSL_WRONG_VERSION_NUMBER' || code === 'ECONNRESET') {
    return 'it hung up; does that node have "tls" in its configuration too?';
  }
  if (/^(CERT_|UNABLE_TO_|SELF_SIGNED|DEPTH_)/.test(code))
    return `its certificate: ${certificateFault(code)}`;
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') {
    return `its certificate is not made for that host (${messageOf(error)})`;
  }
  return messageOf(error);
}
