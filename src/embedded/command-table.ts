import { HASH_COMMANDS } from './commands/hashes.js';
import { KEY_COMMANDS } from './commands/keys.js';
import { LIST_COMMANDS } from './commands/lists.js';
import { PUBSUB_COMMANDS } from './commands/pubsub.js';
import { SCRIPT_COMMANDS } from './commands/scripting.js';
import { SERVER_COMMANDS } from './commands/server.js';
import { SET_COMMANDS } from './commands/sets.js';
import { SORTED_SET_COMMANDS } from './commands/sorted-sets.js';
import { STRING_COMMANDS } from './commands/strings.js';
import { TRANSACTION_COMMANDS } from './commands/transactions.js';
import type { CommandSpec } from './server.js';

/** All commands by their name in upper case. */
export const COMMANDS: ReadonlyMap<string, CommandSpec> = new Map(
  [
    ...STRING_COMMANDS,
    ...KEY_COMMANDS,
    ...HASH_COMMANDS,
    ...LIST_COMMANDS,
    ...SET_COMMANDS,
    ...SORTED_SET_COMMANDS,
    ...PUBSUB_COMMANDS,
    ...TRANSACTION_COMMANDS,
    ...SCRIPT_COMMANDS,
    ...SERVER_COMMANDS,
  ].map((spec) => [spec.name, spec]),
);
