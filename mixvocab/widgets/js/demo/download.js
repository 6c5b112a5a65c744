/** Fetching large files: in pieces, so that progress can be told, and checked. */

/**
 * @param {string} address
 * @param {object} options
 * @param {number} options.expected bytes, where the server does not say
 * @param {(loaded: number, total: number) => void} options.onProgress called with bytes so far
 * @param {RequestCache} [options.cache] "reload" to mistrust what the browser has kept
 * @returns {Promise<{bytes: Uint8Array, transferred: number}>} `transferred`: bytes that the file takes on the network,
 *   compressed if the server compresses
 * @throws {Error} with one line for the reader
 */
export async function download(address, { expected, onProgress, cache = "default" }) {
  const name = address.split("/").at(-1);
  const response = await fetch(address, { cache }).catch(() => {
    throw new Error(`${name} cannot be reached: is there still a connection to the server?`);
  });
  if (!response.ok) throw new Error(`${name} is missing: the server answers ${response.status}`);
  // A compressed answer's length says nothing about the bytes that arrive here.
  const plain = !response.headers.get("Content-Encoding");
  const total = (plain && Number(response.headers.get("Content-Length"))) || expected;
  const chunks = [];
  let loaded = 0;
  try {
    for (let reader = response.body.getReader(), step; !(step = await reader.read()).done; ) {
      chunks.push(step.value);
      loaded += step.value.length;
      onProgress(loaded, Math.max(loaded, total));
    }
  } catch {
    throw new Error(`${name} broke off after ${loaded} bytes: is there still a connection to the server?`);
  }
  onProgress(loaded, loaded);
  const bytes = new Uint8Array(await new Blob(chunks).arrayBuffer());
  return { bytes, transferred: onTheWire(address) || loaded };
}

/** Bytes that a file took on the network when it was fetched; 0 if the browser does not say. */
export function onTheWire(address) {
  return performance.getEntriesByName(address).at(-1)?.encodedBodySize ?? 0;
}

/**
 * Raise an Error unless the bytes have this SHA-256. Browsers offer it on localhost and over https only; elsewhere
 * nothing is checked.
 * @param {Uint8Array} bytes
 * @param {string} expected hexadecimal
 * @param {string} name of the file, for the message
 * @returns {Promise<boolean>} whether it was checked
 */
export async function verify(bytes, expected, name) {
  if (!globalThis.crypto?.subtle) return false;
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  const found = Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
  if (found !== expected) throw new Error(`${name} is damaged: its SHA-256 is not the one that was published`);
  return true;
}
