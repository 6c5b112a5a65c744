// Waits until nothing is loading, mounting, being typeset or animated, and all boxes stay where they are.
async (patience) => {
  const end = performance.now() + patience;
  // A window behind another one may get no frames: a timer then stands in for them.
  const frame = () => new Promise((done) => { requestAnimationFrame(done); setTimeout(done, 1000); });
  const endless = (animation) => animation.effect?.getComputedTiming().endTime === Infinity;

  let typeset = false;
  const formulas = () => Promise.resolve(globalThis.MathJax?.startup?.promise).finally(() => { typeset = true; });
  if (document.readyState === "complete") formulas();
  else addEventListener("load", formulas);

  const busy = () =>
    !typeset ||
    document.fonts.status === "loading" ||
    [...document.images].some((image) => !image.complete && image.loading !== "lazy") ||
    // Live elements mount or say why they cannot; without the loader none ever will.
    (globalThis.mixvocab && document.querySelector("[data-mv]:not([data-mv-state])")) ||
    document.getAnimations().some((animation) => animation.playState === "running" && !endless(animation));

  /** The box of every element; drawings count as one. Boxes are the window's, so that scrolling moves them. */
  function layout() {
    const boxes = [...document.querySelectorAll("html, body, body :not(svg *)")].map((element) => {
      const { x, y, width, height } = element.getBoundingClientRect();
      return `${x},${y},${width},${height}`;
    });
    return boxes.join(" ") + innerWidth + document.documentElement.scrollWidth;
  }

  // Smooth scrolling and easing begin with frames in which nothing seems to move: hence eight frames, 150 ms.
  let [still, since, before] = [0, performance.now(), layout()];
  while (still < 8 || performance.now() - since < 150) {
    await frame();
    const now = layout();
    if (!busy() && now === before) {
      still += 1;
      continue;
    }
    if (performance.now() > end) throw new Error(`the page does not settle within ${patience / 1000} s`);
    [still, since, before] = [0, performance.now(), now];
  }
}
