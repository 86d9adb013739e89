// @ts-check
/** Removes what the build makes, so that no file of an earlier one is packed. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';

rmSync(join(import.meta.dirname, '../dist'), { recursive: true, force: true });
