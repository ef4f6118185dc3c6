/** The exports of the package. */
export type * from './api.js';
export { type CallableEndpoint, type EndpointInput, SkeinClient } from './client.js';
export { type Applied, type ClientErrorCode, SkeinError } from './error.js';
export type { ClusterEvent, FeedOptions } from './feed.js';
export type * from './options.js';
export type { RowStream } from './row-stream.js';
export type { ResultBatch, ScriptStream } from './script-stream.js';
export type { Session } from './session.js';
export type { Transaction } from './transaction.js';
export { json, type Parameter, type StatementParameters } from './values.js';
