let turn: Promise<void> | null = null;

/**
 * Resolves when everything that has arrived in this turn of the event loop has been processed. Answers sent after that leave
 * together and wake their receivers once. On one machine a wake-up costs more than a small answer.
 */
export function endOfTurn(): Promise<void> {
  turn ??= new Promise((resolve) =>
    setImmediate(() => {
      turn = null;
      resolve();
    }),
  );
  return turn;
}
