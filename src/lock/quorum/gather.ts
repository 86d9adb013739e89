/** What a question to many has come to so far. */
export interface Gathered<M, T> {
  readonly answers: readonly { readonly by: M; readonly answer: T }[];
  readonly failures: readonly unknown[];
  /** How many have not answered yet. */
  readonly pending: number;
}

/**
 * Asks many at once, and resolves as soon as what has come suffices, or nobody is left to answer. Never rejects. Answers
 * that come later are not waited for.
 */
export function gather<M, T>(
  members: readonly M[],
  ask: (member: M) => Promise<T>,
  suffices: (soFar: Gathered<M, T>) => boolean,
): Promise<Gathered<M, T>> {
  return new Promise((resolve) => {
    const answers: { by: M; answer: T }[] = [];
    const failures: unknown[] = [];
    let pending = members.length;
    let isOver = false;
    const settle = (note: () => void): void => {
      if (isOver) return;
      note();
      const soFar = { answers, failures, pending };
      isOver = pending === 0 || suffices(soFar);
      if (isOver) resolve(soFar);
    };
    for (const by of members) {
      ask(by).then(
        (answer) => settle(() => void (answers.push({ by, answer }), (pending -= 1))),
        (error: unknown) => settle(() => void (failures.push(error), (pending -= 1))),
      );
    }
    if (pending === 0) settle(() => {});
  });
}
