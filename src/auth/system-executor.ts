/** One way to run Skein's own statements on the local server, with bound parameters. */
export interface SystemExecutor {
  query(
    sql: string,
    params?: readonly (string | number | null)[],
  ): Promise<readonly Readonly<Record<string, unknown>>[]>;
}
