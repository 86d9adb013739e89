/** `toServer` carries commands, `toClient` carries replies. */
export type Direction = 'toServer' | 'toClient';

interface Flip {
  /** Bytes that pass before the one that is meant. */
  left: number;
  readonly done: () => void;
}

/** What befalls the bytes of one direction, over all connections. */
export class DirectionFaults {
  isHeld = false;
  isOneByteWrites = false;
  latencyMs = 0;
  /** Up to how much later still, drawn for each piece of traffic. */
  jitterMs = 0;
  uniform: () => number = () => 0;
  /** Bytes that may still pass; the connection that crosses it is cut. */
  bytesLeft = Number.POSITIVE_INFINITY;
  flips: Flip[] = [];

  heal(): void {
    Object.assign(this, new DirectionFaults());
  }

  delayMs(): number {
    return this.latencyMs + (this.jitterMs === 0 ? 0 : this.jitterMs * this.uniform());
  }

  /** What of these bytes goes on, changed where one is to be flipped. Fewer than came means that the connection is cut. */
  pass(bytes: Buffer): Buffer {
    const allowed = bytes.subarray(0, this.bytesLeft);
    this.bytesLeft -= allowed.length;
    return this.#flipped(allowed);
  }

  #flipped(bytes: Buffer): Buffer {
    if (this.flips.length === 0) return bytes;
    const changed = Buffer.from(bytes);
    const due = this.flips.filter(({ left }) => left < bytes.length);
    this.flips = this.flips.filter(({ left }) => left >= bytes.length);
    for (const flip of this.flips) flip.left -= bytes.length;
    for (const { left, done } of due) {
      changed[left] = (changed[left] as number) ^ 0xff;
      done();
    }
    return changed;
  }
}

export type Faults = Readonly<Record<Direction, DirectionFaults>>;
