/**
 * The model, in a thread of its own.
 *
 * It is told `{load: {task, pack, addresses, bytes, cache}}` once; it says `{progress}` while it loads and then
 * `{ready}`. Told `{ask: text}`, it says `{answer}`. Either may end in `{trouble: "one line"}`.
 */
import * as ort from "onnxruntime-web/wasm";
import { Vocabulary } from "../core/vocabulary.js";
import { guesses, row, understood } from "./answers.js";
import { download, verify } from "./download.js";
import { Encoder, splitAtSpace } from "./encoding.js";

const MODEL = "model.w8.onnx"; // what task.json calls it

let respond; // text -> answer, once the model is loaded

onmessage = async ({ data }) => {
  try {
    if (data.load) await load(data.load);
    else await tell(data.ask);
  } catch (error) {
    postMessage({ trouble: error.message });
  }
};

async function tell(text) {
  const started = performance.now();
  const answer = await respond(text);
  postMessage({ answer: { ...answer, milliseconds: performance.now() - started } });
}

async function load({ task, pack, addresses, bytes, cache }) {
  if (typeof WebAssembly !== "object") throw new Error("WebAssembly, which it needs, is switched off in this browser");
  const progress = {};
  const fetched = (part) =>
    download(addresses[part], {
      cache,
      expected: bytes[part],
      onProgress: (loaded, total) => postMessage({ progress: Object.assign(progress, { [part]: { loaded, total } }) }),
    });
  const [model, runtime] = await Promise.all([fetched("model"), fetched("runtime")]);
  const checked = await verify(model.bytes, task.sha256[MODEL], addresses.model.split("/").at(-1));
  const session = await start(runtime.bytes, model.bytes);
  const encoder = new Encoder(new Vocabulary(pack), task.window);
  const answer = { joint: jointAnswer, masked: maskedAnswer }[task.kind];
  respond = (text) => answer({ session, encoder, task, pieces: pack.pieces }, text);
  await respond("a first text is slower, so that it should not be the reader's");
  postMessage({ ready: { checked, transferred: { model: model.transferred, runtime: runtime.transferred } } });
}

/** A session on one thread, which needs no headers that isolate the page. */
async function start(runtime, model) {
  ort.env.wasm.numThreads = 1;
  ort.env.wasm.wasmBinary = runtime.buffer;
  ort.env.logLevel = "fatal"; // errors arrive as exceptions
  try {
    return await ort.InferenceSession.create(model);
  } catch (error) {
    throw new Error(`the model cannot be started (${String(error.message ?? error).split("\n")[0]})`);
  }
}

/** Run the model on one text: its outputs by name. */
async function run(session, ids) {
  const shape = [1, ids.length];
  return session.run({
    input_ids: new ort.Tensor("int64", BigInt64Array.from(ids, BigInt), shape),
    attention_mask: new ort.Tensor("int64", new BigInt64Array(ids.length).fill(1n), shape),
    // A masked language model reads token types, too.
    ...(session.inputNames.includes("token_type_ids") && {
      token_type_ids: new ort.Tensor("int64", new BigInt64Array(ids.length), shape),
    }),
  });
}

async function jointAnswer({ session, encoder, task }, text) {
  const words = splitAtSpace(text);
  const { ids, first } = encoder.words(words);
  const outputs = await run(session, ids);
  const logits = { intent: outputs.intent.data, slots: outputs.slots.data };
  return { words, ids, first, logits, ...understood(task, words, first, logits) };
}

async function maskedAnswer({ session, encoder, pieces }, text) {
  const { ids, complete } = encoder.text(text);
  const mask = pieces.indexOf("[MASK]");
  const places = [...ids.keys()].filter((place) => ids[place] === mask);
  const { logits } = await run(session, ids);
  const rows = places.map((place) => row(logits.data, pieces.length, place));
  return { ids, complete, masks: rows.map((scores) => guesses(pieces, scores)) };
}
