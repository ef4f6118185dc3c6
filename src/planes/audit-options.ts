import type { AuditTrailOptions } from '../audit/audit-trail.js';
import { auditKey } from '../audit/sealed-line.js';
import { auditDirectory, type NodeConfig } from '../config/node-config.js';

/** Of the node's one audit trail, which the client plane writes and, when there is none left, the main thread. */
export function auditTrailOptions(config: NodeConfig, secret: Buffer): AuditTrailOptions {
  return {
    directory: auditDirectory(config),
    node: config.name,
    key: auditKey(secret),
    fileBytesMax: config.auditBytesMax,
    filesMax: config.auditFilesMax,
  };
}
