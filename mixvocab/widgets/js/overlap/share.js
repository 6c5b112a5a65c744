/** What leaves the page: an address that brings the same view back, and Python that draws the same sequence. */

const KEYS = ["text", "p", "seed", "size", "shape"];

/** What an address asks for; what it asks wrongly is left out. */
export function fromAddress(address, vocabularies, shapes) {
  const asked = new URL(address).searchParams;
  const found = {};
  if (asked.has("text")) found.text = asked.get("text");
  const [p, seed] = ["p", "seed"].map((name) => (asked.get(name) ? Number(asked.get(name)) : NaN));
  if (p >= 0 && p <= 1) found.p = p;
  if (Number.isSafeInteger(seed) && seed >= 0 && seed <= MAX_SEED) found.seed = seed;
  if (vocabularies.sizes.includes(asked.get("size"))) found.size = Number(asked.get("size"));
  if (Object.hasOwn(shapes, asked.get("shape") ?? "")) found.shape = asked.get("shape");
  return found;
}

export const MAX_SEED = 2 ** 31 - 1;

/** The address of this page with what is shown now. */
export function toAddress(address, store) {
  const shared = new URL(address);
  for (const key of KEYS) shared.searchParams.set(key, String(store.get(key)));
  return shared.href;
}

/** Python that draws the sequence shown. */
export function toPython(store) {
  const setup = store.get("setup") || "# teacher, students: the tokenizers, students by size of vocabulary";
  return `from mixvocab.widgets.vocabularies import mixed_line
${setup}
text = ${pythonString(store.get("text"))}
line = mixed_line(text, teacher, students[${store.get("size")}], p_sv=${store.get("p")}, seed=${store.get("seed")})
print(line)
`;
}

/** A Python string literal. What cannot be seen is escaped; half a surrogate pair is no character and falls away. */
function pythonString(text) {
  return JSON.stringify(text.replace(/\p{Cs}/gu, "")).replace(/(?! )[\p{C}\p{Z}]/gu, (character) => {
    return `\\U${character.codePointAt(0).toString(16).padStart(8, "0")}`;
  });
}
