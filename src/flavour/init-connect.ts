import type { NodeLimits } from './server-program.js';

/** The option that makes each login execute the node's statement. An operator's own (the last one counts) is kept, before it. */
export function initConnectArg({ operatorArgs, atLogin }: NodeLimits): string {
  const own = operatorArgs.findLast((arg) => /^--init[-_]connect=/.test(arg));
  const before = own === undefined ? '' : `${own.slice(own.indexOf('=') + 1)}; `;
  return `--init-connect=${before}${atLogin}`;
}
