/** What a process publishes: its words, numbered from 1, of which keys were changed; without keys it is a sign of life. */
export interface Notice {
  readonly by: string;
  readonly n: number;
  /** None: all of them. */
  readonly keys?: readonly string[] | undefined;
}

/** Undefined for what is not understood. */
export function readNotice(payload: Buffer): Notice | undefined {
  try {
    const notice: unknown = JSON.parse(payload.toString());
    return isNotice(notice) ? notice : undefined;
  } catch {
    return undefined;
  }
}

function isNotice(notice: unknown): notice is Notice {
  if (typeof notice !== 'object' || notice === null) return false;
  const { by, n, keys } = notice as Record<string, unknown>;
  return typeof by === 'string' && Number.isSafeInteger(n) && (keys === undefined || isTexts(keys));
}

function isTexts(keys: unknown): boolean {
  return Array.isArray(keys) && keys.every((key) => typeof key === 'string');
}
