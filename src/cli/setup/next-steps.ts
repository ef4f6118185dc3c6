/** The text for the operator after `skein init` and `skein join`. Pure. */
import { DEFAULT_DIRECTORY, isLoopback } from './options.js';

export interface Prepared {
  readonly name: string;
  readonly cluster: string;
  readonly configFile: string;
  readonly directory: string;
  /** The host by which others reach it. */
  readonly host: string;
  readonly usesTls: boolean;
}

/** What goes over the network without TLS; empty where nothing does. */
function plainWarning({ host, usesTls }: Pick<Prepared, 'host' | 'usesTls'>): string {
  if (usesTls || isLoopback(host)) return '';
  return `WARNING: without TLS, everything goes over the network in clear: rows, statements, access tokens. Only do this on a network that
nobody else can read (--tls makes certificates for the whole cluster).
`;
}

function startText({ configFile, directory }: Pick<Prepared, 'configFile' | 'directory'>): string {
  const unit =
    directory === DEFAULT_DIRECTORY
      ? '   (or: systemctl enable --now skein, see docs/three-machines.md)'
      : '';
  return `  skein node --config ${configFile}${unit}\n`;
}

export function initText(prepared: Prepared): string {
  const { name, cluster, directory, host } = prepared;
  const others = isLoopback(host)
    ? 'It listens on this machine only; other machines could not join (--listen <address>).\n'
    : '';
  return `${plainWarning(prepared)}The cluster "${cluster}" is prepared in ${directory}; its first member is ${name}. ${others}
Start it:
${startText(prepared)}
Then let another machine join, with the line that this prints:
  SKEIN_DIR=${directory} skein token join
`;
}

export function joinText(prepared: Prepared & { readonly witness: boolean }): string {
  const { name, cluster, directory, witness } = prepared;
  const what = witness ? 'a witness, the member' : 'the member';
  return `${plainWarning(prepared)}This machine is ${what} ${name} of the cluster "${cluster}", prepared in ${directory}. It counts in the quorum as soon as it has
everything that is committed.

Start it:
${startText(prepared)}`;
}
