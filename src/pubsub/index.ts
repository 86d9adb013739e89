export { channel } from './channel.js';
export type { Channel, ChannelDefinition, ChannelFactory, ChannelParams } from './channel.js';
export { PayloadError, SlowConsumerError } from './errors.js';
export { PubSubManager } from './manager.js';
export type { PublishResult } from './manager.js';
export type { BufferOptions, Gap, Message, Overflow, SubscribeOptions, Subscription } from './message.js';
export type { AnyChannels, PublishOptions, PubSubOptions } from './options.js';
