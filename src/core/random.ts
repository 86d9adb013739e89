import { randomBytes } from 'node:crypto';

/** Randomness, as everything else receives it: one source for jitter, one for secrets. */
export interface Random {
  /** Uniform in [0, 1). For jitter and sampling, never for tokens. */
  uniform(): number;
  /** `size` bytes from a cryptographically secure source. */
  bytes(size: number): Buffer;
}

/** The real source of this process. */
export const systemRandom: Random = {
  uniform: () => Math.random(),
  bytes: (size) => randomBytes(size),
};
