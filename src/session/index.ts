export { SessionConflictError } from './errors.js';
export type { SessionEvents, SessionOperation, SessionTag } from './events.js';
export type { SessionTtl } from './lifetime.js';
export type { SessionHost, SessionOptions } from './options.js';
export { SessionManager, type CreateOptions, type UpdateOptions } from './session-manager.js';
export type { SessionView } from './session-view.js';
