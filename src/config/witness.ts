/** What the configuration of a witness must not have. A witness keeps the log and votes, without a database server. */

interface WitnessSettings {
  readonly witness: boolean;
  readonly adminTokenFile: string | null;
}

/** Settings of the server, of its clients, and of the primary. A witness has none of these. */
const SERVER_SETTINGS = [
  'annotateRows',
  'applierStallMs',
  'httpSessionsPerRole',
  'mysqlConnectionsMax',
  'mysqlLoginMs',
  'mysqlLoginsMax',
  'mysqlLoginsPerAddressMax',
  'mysqlPorts',
  'mysqlReadOnlyWaitMs',
  'priority',
  'requirePrimaryKey',
  'seedRateMiBs',
  'seedsMax',
  'server',
  'serverArgs',
  'serverBufferPoolBytes',
  'serverHangMs',
  'serverPort',
  'serverTmpBytesMax',
  'verifyIntervalHours',
];

/** `written`: the settings as they are in the file, without defaults. */
export function* witnessProblems(config: WitnessSettings, written: object): Generator<string> {
  if (!config.witness) return;
  for (const [name, value] of Object.entries(written)) {
    // Null is how a file says "none".
    if (!SERVER_SETTINGS.includes(name) || value === null) continue;
    yield name === 'mysqlPorts'
      ? '"mysqlPorts" is set; a witness has no MySQL ports, because it has no server. Clients connect to the ports of the other nodes; remove the setting'
      : `"${name}" is set, and "witness" is true; a witness has no database server: remove the setting`;
  }
  if (config.adminTokenFile === null)
    yield '"adminTokenFile" is missing; expected the file with the admin token of this node: a witness has no database, so it knows none of the cluster\'s tokens';
}
