import { identify, RedisUtilsError } from '../core/errors.js';

/** A program that the kit runs is not there: a server of the wanted version, or `openssl`. */
export class MissingProgramError extends RedisUtilsError {
  declare readonly code: 'RU_TESTING_MISSING_PROGRAM';
  /** What was looked for, such as `redis-7.0`. */
  readonly program: string;

  static {
    identify(this, 'MissingProgramError', 'RU_TESTING_MISSING_PROGRAM');
  }

  constructor(program: string, remedy: string) {
    super(`There is no ${program} here – ${remedy}`);
    this.program = program;
  }
}

/** A server process ended, or said nothing, where it should have come up. The message ends with what it printed. */
export class ServerStartError extends RedisUtilsError {
  declare readonly code: 'RU_TESTING_SERVER_START';

  static {
    identify(this, 'ServerStartError', 'RU_TESTING_SERVER_START');
  }

  constructor(server: string, logs: string) {
    super(`${server} did not start. It printed:\n${logs.trimEnd().split('\n').slice(-20).join('\n')}`);
  }
}

/** What should have become true did not, within the time that it was given. */
export class ConditionError extends RedisUtilsError {
  declare readonly code: 'RU_TESTING_CONDITION';

  static {
    identify(this, 'ConditionError', 'RU_TESTING_CONDITION');
  }
}

/** A piece of code left something behind: see `watchLeaks`. */
export class LeakError extends RedisUtilsError {
  declare readonly code: 'RU_TESTING_LEAK';

  static {
    identify(this, 'LeakError', 'RU_TESTING_LEAK');
  }
}
