/** A queue that gives out what comes first in an order; equals in any. */
export class Queue {
  #heap = [];
  #order;

  /** @param {(a: any, b: any) => number} order negative if `a` comes before `b` */
  constructor(order) {
    this.#order = order;
  }

  get first() {
    return this.#heap[0];
  }

  push(item) {
    const heap = this.#heap;
    let at = heap.push(item) - 1;
    while (at && this.#order(item, heap[(at - 1) >> 1]) < 0) {
      heap[at] = heap[(at - 1) >> 1];
      at = (at - 1) >> 1;
    }
    heap[at] = item;
  }

  pop() {
    const heap = this.#heap;
    const [first, last] = [heap[0], heap.pop()];
    if (!heap.length) return first;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && this.#order(heap[child + 1], heap[child]) < 0) child++;
      if (this.#order(last, heap[child]) <= 0) break;
      heap[at] = heap[child];
      at = child;
    }
    heap[at] = last;
    return first;
  }
}
