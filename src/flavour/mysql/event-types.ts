/** Types of events that MySQL alone writes. Those of all servers are in mysql-protocol/events.ts. */
export const MYSQL_EVENT = {
  rowsQuery: 29,
  writeRows: 30,
  updateRows: 31,
  deleteRows: 32,
  gtid: 33,
  previousGtids: 35,
  partialUpdateRows: 39,
  transactionPayload: 40,
  heartbeatV2: 41,
  gtidTagged: 42,
} as const;
