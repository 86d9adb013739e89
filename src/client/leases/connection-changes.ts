import { commandName } from '../calls/command.js';
import type { WireCommand } from '../driver.js';
import { connectionEffect } from '../calls/shared-commands.js';

/** What the commands of one user have left behind on a connection, and how to undo it. */
export class ConnectionChanges {
  readonly #database: number;
  #inMulti = false;
  #watching = false;
  #selected = false;
  #lasting = false;

  /** @param database the one that the next user expects */
  constructor(database: number) {
    this.#database = database;
  }

  /** `MULTI` was sent, and what ends it was not. */
  get inMulti(): boolean {
    return this.#inMulti;
  }

  note(command: WireCommand): void {
    if (connectionEffect(command) !== 'state') return;
    const name = commandName(command);
    if (name === 'MULTI') this.#inMulti = true;
    else if (name === 'WATCH') this.#watching = true;
    else if (name === 'EXEC' || name === 'DISCARD') this.#inMulti = this.#watching = false;
    else if (name === 'UNWATCH') this.#watching = false;
    else if (name === 'SELECT') this.#selected = true;
    else this.#lasting = true;
  }

  /** Its server is not what it was taken for: the next user is not to have it. */
  spoil(): void {
    this.#lasting = true;
  }

  /** The commands that undo everything, in order; undefined where only a new connection is as good as new. */
  undo(): readonly WireCommand[] | undefined {
    if (this.#lasting) return undefined;
    const commands: WireCommand[] = [];
    // DISCARD also ends the watching
    if (this.#inMulti) commands.push(['DISCARD']);
    else if (this.#watching) commands.push(['UNWATCH']);
    if (this.#selected) commands.push(['SELECT', String(this.#database)]);
    return commands;
  }
}
