/** The page's side of the worker. */

/** A model that loads and then answers, one text after the other; of texts that have to wait only the newest counts. */
export class Model {
  #worker;
  #running = null; // {text, resolve, reject}
  #waiting = null; // the same, asked once the running one is answered

  /** @param {string} script address of the worker's */
  constructor(script) {
    this.#worker = new Worker(script);
  }

  /**
   * Load it.
   * @param {object} what as `worker.js` has it
   * @param {(progress: object) => void} onProgress told `{model: {loaded, total}, runtime: {loaded, total}}` in bytes
   * @returns {Promise<{checked: boolean, transferred: {model: number, runtime: number}}>}
   * @throws {Error} with one line for the reader
   */
  load(what, onProgress) {
    return new Promise((resolve, reject) => {
      this.#worker.onerror = (event) => {
        event.preventDefault(); // it is told to the reader, not to the console
        const error = new Error("its worker does not run: is there still a connection to the server?");
        reject(error);
        this.#running?.reject(error);
      };
      this.#worker.onmessage = ({ data }) => {
        if (data.progress) onProgress(data.progress);
        else if (data.ready) resolve(data.ready);
        else if (this.#running) this.#answered(data);
        else reject(new Error(data.trouble));
      };
      this.#worker.postMessage({ load: what });
    });
  }

  /**
   * @param {string} text
   * @returns {Promise<object | null>} the answer; null if a newer text came before it was its turn
   */
  ask(text) {
    return new Promise((resolve, reject) => {
      this.#waiting?.resolve(null);
      this.#waiting = { text, resolve, reject };
      if (!this.#running) this.#next();
    });
  }

  /** Give up its thread and memory. */
  close() {
    this.#worker.terminate();
  }

  #next() {
    this.#running = this.#waiting;
    this.#waiting = null;
    if (this.#running) this.#worker.postMessage({ ask: this.#running.text });
  }

  #answered({ answer, trouble }) {
    if (answer) this.#running.resolve(answer);
    else this.#running.reject(new Error(trouble));
    this.#next();
  }
}
