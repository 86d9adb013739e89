import { RespPush, parseResp } from '../../src/testing/resp.js';

/** A reply that shall not arrive. `left` counts the commands that match until the one that is meant. */
export interface LostReply {
  readonly command: string | undefined;
  left: number;
  readonly ending: 'reset' | 'silence';
  readonly done: () => void;
}

interface Sent {
  readonly name: string;
  readonly lost: LostReply | undefined;
}

/** The pushes of RESP3 that answer a command; all others come by themselves. */
const ANSWER = /^[sp]?(un)?subscribe$/;

/** Follows one connection: which reply belongs to which command, without changing either. */
export class ReplyTracker {
  readonly #lostReplies: LostReply[];
  readonly #onCommand: (name: string) => void;
  readonly #sent: Sent[] = [];
  #commandBytes: Buffer = Buffer.alloc(0);
  #replyBytes: Buffer = Buffer.alloc(0);
  #silent = false;

  constructor(lostReplies: LostReply[], onCommand: (name: string) => void) {
    this.#lostReplies = lostReplies;
    this.#onCommand = onCommand;
  }

  sawCommands(bytes: Buffer): void {
    this.#commandBytes = Buffer.concat([this.#commandBytes, bytes]);
    for (let parsed = parseResp(this.#commandBytes); parsed !== undefined; parsed = parseResp(this.#commandBytes)) {
      this.#commandBytes = this.#commandBytes.subarray(parsed.end);
      const name = Array.isArray(parsed.value) ? String(parsed.value[0]).toUpperCase() : '';
      this.#sent.push({ name, lost: this.#takeLost(name) });
      this.#onCommand(name);
    }
  }

  /** What of these bytes may pass, and the reply that was dropped among them. Nothing passes after a dropped one. */
  sawReplies(bytes: Buffer): { pass: Buffer; lost: LostReply | undefined } {
    if (this.#silent) return { pass: Buffer.alloc(0), lost: undefined };
    const alreadyPassed = this.#replyBytes.length;
    this.#replyBytes = Buffer.concat([this.#replyBytes, bytes]);
    let at = 0;
    for (let parsed = parseResp(this.#replyBytes); parsed !== undefined; parsed = parseResp(this.#replyBytes, at)) {
      const answers = !(parsed.value instanceof RespPush) || ANSWER.test(String(parsed.value.items[0]));
      const sent = answers ? this.#sent.shift() : undefined;
      if (sent?.lost !== undefined) {
        this.#silent = true;
        return { pass: this.#replyBytes.subarray(alreadyPassed, Math.max(at, alreadyPassed)), lost: sent.lost };
      }
      at = parsed.end;
    }
    this.#replyBytes = this.#replyBytes.subarray(at);
    return { pass: bytes, lost: undefined };
  }

  #takeLost(name: string): LostReply | undefined {
    const index = this.#lostReplies.findIndex((each) => each.command === undefined || each.command === name);
    const lost = this.#lostReplies[index];
    if (lost === undefined || --lost.left > 0) return undefined;
    this.#lostReplies.splice(index, 1);
    return lost;
  }
}
