let turn: Promise<void> | null = null;

/**
 * Resolves when everything that has arrived by now has been looked at. What is sent after that leaves in one burst, which
 * wakes its receivers once instead of once for each piece: on the same machine a wake-up costs more than the piece.
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
