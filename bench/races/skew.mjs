/** Loaded before everything else: a host whose clock is wrong by RACES_SKEW_MS. */
const skewMs = Number(process.env.RACES_SKEW_MS);
const RightDate = Date;

globalThis.Date = class extends RightDate {
  constructor(...args) {
    super(...(args.length === 0 ? [RightDate.now() + skewMs] : args));
  }

  static now() {
    return RightDate.now() + skewMs;
  }
};
// the other way to what time it is
const timeOrigin = performance.timeOrigin + skewMs;
Object.defineProperty(performance, 'timeOrigin', { value: timeOrigin });
