/** numpy's default generator: the same seed gives the same numbers as `numpy.random.default_rng(seed)`. */

const U32 = 0xffffffffn;
const U64 = (1n << 64n) - 1n;
const U128 = (1n << 128n) - 1n;
const STEP = (2549297995355413924n << 64n) + 4865540595714422341n;

/** The state that numpy's SeedSequence makes of a seed: four integers of 64 bits. */
function seedState(seed) {
  const entropy = [];
  for (let rest = BigInt(seed); rest || !entropy.length; rest >>= 32n) entropy.push(rest & U32);
  let constant = 0x43b0d7e5n;
  const hash = (value) => {
    value ^= constant;
    constant = (constant * 0x931e8875n) & U32;
    value = (value * constant) & U32;
    return value ^ (value >> 16n);
  };
  const mix = (one, other) => {
    const mixed = (0xca01f9ddn * one - 0x4973f715n * other) & U32;
    return mixed ^ (mixed >> 16n);
  };
  const pool = [0, 1, 2, 3].map((n) => hash(entropy[n] ?? 0n));
  for (const from of pool.keys()) {
    for (const to of pool.keys()) if (from !== to) pool[to] = mix(pool[to], hash(pool[from]));
  }
  for (const more of entropy.slice(4)) {
    for (const to of pool.keys()) pool[to] = mix(pool[to], hash(more));
  }
  constant = 0x8b51f9ddn;
  const halves = Array.from({ length: 8 }, (_, n) => {
    let value = pool[n % 4] ^ constant;
    constant = (constant * 0x58f38dedn) & U32;
    value = (value * constant) & U32;
    return value ^ (value >> 16n);
  });
  return [0, 2, 4, 6].map((n) => halves[n] | (halves[n + 1] << 32n));
}

/** PCG64 (XSL-RR), seeded as numpy does. */
export class Generator {
  #state;
  #increment;
  #half = null; // numpy draws 32 bits from one half of 64 and keeps the other for the next draw

  /** @param {number | bigint} seed a whole number, 0 or more */
  constructor(seed) {
    const [high, low, incrementHigh, incrementLow] = seedState(seed);
    this.#increment = ((((incrementHigh << 64n) | incrementLow) << 1n) | 1n) & U128;
    this.#state = (this.#increment + ((high << 64n) | low)) & U128;
    this.#advance();
  }

  /** `count` numbers in [0, 1) of 53 random bits: `rng.random(count)`. */
  doubles(count) {
    return Array.from({ length: count }, () => Number(this.#next64() >> 11n) / 2 ** 53);
  }

  /** `count` numbers in [0, 1) of 24 random bits: `rng.random(count, dtype=np.float32)`. */
  floats(count) {
    return Array.from({ length: count }, () => Number(this.#next32() >> 8n) / 2 ** 24);
  }

  #advance() {
    this.#state = (this.#state * STEP + this.#increment) & U128;
  }

  #next64() {
    this.#advance();
    const turn = this.#state >> 122n;
    const folded = (this.#state >> 64n) ^ (this.#state & U64);
    return ((folded >> turn) | (folded << (64n - turn))) & U64;
  }

  #next32() {
    if (this.#half !== null) {
      const kept = this.#half;
      this.#half = null;
      return kept;
    }
    const both = this.#next64();
    this.#half = both >> 32n;
    return both & U32;
  }
}
