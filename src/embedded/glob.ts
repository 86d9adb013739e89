/** Patterns of `KEYS`, `SCAN` and `PSUBSCRIBE`: `*`, `?`, `[a-z]`, `[^a]`, and `\` before a literal byte. */
export function globMatches(pattern: string, text: string): boolean {
  let p = 0;
  let t = 0;
  // where to go back to when what follows the last star does not match: one byte further
  let starPattern = -1;
  let starText = 0;
  for (;;) {
    if (pattern.charAt(p) === '*') {
      starPattern = p + 1;
      starText = t;
      p += 1;
      continue;
    }
    if (t === text.length) return p === pattern.length;
    const next = p < pattern.length ? matchOne(pattern, p, text.charCodeAt(t)) : -1;
    if (next !== -1) {
      p = next;
      t += 1;
    } else if (starPattern !== -1) {
      starText += 1;
      p = starPattern;
      t = starText;
    } else {
      return false;
    }
  }
}

/** Where the pattern goes on after matching one byte, or -1. */
function matchOne(pattern: string, p: number, code: number): number {
  const char = pattern.charAt(p);
  if (char === '?') return p + 1;
  if (char === '[') return matchClass(pattern, p + 1, code);
  const isEscape = char === '\\' && p + 1 < pattern.length;
  const literal = isEscape ? p + 1 : p;
  return pattern.charCodeAt(literal) === code ? literal + 1 : -1;
}

function matchClass(pattern: string, start: number, code: number): number {
  const isNegated = pattern.charAt(start) === '^';
  let isMember = false;
  let p = isNegated ? start + 1 : start;
  for (; p < pattern.length && pattern.charAt(p) !== ']'; p += 1) {
    if (pattern.charAt(p) === '\\' && p + 1 < pattern.length) {
      p += 1;
      isMember ||= pattern.charCodeAt(p) === code;
    } else if (pattern.charAt(p + 1) === '-' && p + 2 < pattern.length) {
      const [a, b] = [pattern.charCodeAt(p), pattern.charCodeAt(p + 2)];
      isMember ||= code >= Math.min(a, b) && code <= Math.max(a, b);
      p += 2;
    } else {
      isMember ||= pattern.charCodeAt(p) === code;
    }
  }
  return isMember === isNegated ? -1 : Math.min(p + 1, pattern.length);
}
