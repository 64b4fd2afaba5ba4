// Import first.  Holds the clock and the dice still, so that the same seed gives the same bytes: `new Date()` and
// `Date.now()` are one fixed moment, and Math.random walks a fixed sequence.  Timers, `performance.now()` and
// `new Date(value)` work as ever.
const MOMENT = Date.parse('2025-07-03T08:00:00.000Z')
const RealDate = globalThis.Date

globalThis.Date = class Date extends RealDate {
  constructor(...args) {
    if (args.length === 0) super(MOMENT)
    else super(...args)
  }

  static now() {
    return MOMENT
  }
}

// Mulberry32, a well-known small generator.
let seed = 0x504a4149
Math.random = () => {
  seed = (seed + 0x6d2b79f5) | 0
  let mixed = Math.imul(seed ^ (seed >>> 15), seed | 1)
  mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
  return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
}
