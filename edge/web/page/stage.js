// The picture beside its original: divider, zoom, and where the original lies under the canvas.
const shown = { url: "", width: 0, height: 0, placed: null };

/** Where the whole original lies on the canvas, in its pixels; null where no shift can tell. */
const placement = (explained) => {
  const steps = explained.plan.steps, frame = steps.find((step) => step.op === "frame");
  if (!frame || steps.some((step) => ["rotate", "flip", "orient"].includes(step.op))) return null;
  const [left, top, right, bottom] = frame.region, [wide, high] = explained.facts.size;
  const across = frame.content[0] / (right - left), down = frame.content[1] / (bottom - top);
  return {
    left: frame.at[0] - left * across, top: frame.at[1] - top * down,
    width: wide * across, height: high * down, canvas: frame.canvas,
  };
};

const place = (image, placed) => {
  const share = (value, of) => `${(100 * value) / of}%`;
  const rules = placed
    ? {
        left: share(placed.left, placed.canvas[0]), top: share(placed.top, placed.canvas[1]),
        width: share(placed.width, placed.canvas[0]), height: share(placed.height, placed.canvas[1]),
        inset: "auto", objectFit: "fill",
      }
    : { inset: "0", left: "0", top: "0", width: "100%", height: "100%", objectFit: "contain" };
  for (const name of ["inset", "left", "top", "width", "height", "objectFit"]) image.style[name] = rules[name];
};

const layOut = () => {
  const stage = at("stage"), side = view.mode === "side", drawn = shown.width > 0;
  stage.dataset.view = view.mode;
  stage.classList.toggle("zoomed", view.zoom > 0);
  const room = { width: stage.clientWidth / (side ? 2 : 1), height: stage.clientHeight };
  const fit = Math.min(room.width / shown.width, room.height / shown.height, 1 / devicePixelRatio * 2);
  const scale = view.zoom ? view.zoom / 100 / devicePixelRatio : fit;
  for (const id of ["canvas", "side-canvas"]) {
    at(id).style.width = `${shown.width * scale}px`;
    at(id).style.height = `${shown.height * scale}px`;
  }
  if (side && !view.zoom) at("side-canvas").style.width = at("side-canvas").style.height = "100%";
  place(at("original"), shown.placed);
  place(at("aside"), view.zoom ? shown.placed : null);
  at("canvas").hidden = !drawn;
  at("side").hidden = !drawn || !side;
  at("divider").hidden = !drawn || view.mode !== "wipe";
  at("tag-original").hidden = !drawn || view.mode === "result";
  at("tag-result").hidden = !drawn;
  wipe();
};

/** Clips the original at the divider, which stands still while the picture scrolls under it. */
const wipe = () => {
  const divider = at("divider"), share = view.divider / 100;
  divider.style.left = `${view.divider}%`;
  divider.setAttribute("aria-valuenow", Math.round(view.divider));
  divider.setAttribute("aria-valuetext", `${Math.round(view.divider)} % original`);
  const stage = at("stage").getBoundingClientRect(), canvas = at("canvas").getBoundingClientRect();
  const cut = stage.left + stage.width * share - canvas.left;
  at("before").style.clipPath = `inset(0 ${Math.max(0, canvas.width - cut)}px 0 0)`;
};

const divide = (percent) => {
  view.divider = Math.min(100, Math.max(0, percent));
  wipe();
};

const choose = (name, value) => {
  view[name] = value;
  for (const button of document.querySelectorAll(`[data-${name === "mode" ? "view" : "zoom"}]`)) {
    if (button.tagName !== "BUTTON") continue;
    const own = name === "mode" ? button.dataset.view : Number(button.dataset.zoom);
    button.setAttribute("aria-pressed", String(own === value));
  }
  layOut();
  if (name === "zoom" && value) centre();
};

const centre = () => {
  const scroll = at("scroll");
  scroll.scrollLeft = (scroll.scrollWidth - scroll.clientWidth) / 2;
  scroll.scrollTop = (scroll.scrollHeight - scroll.clientHeight) / 2;
};

const follow = (event, move) => {
  const target = event.currentTarget;
  target.setPointerCapture(event.pointerId);
  const stop = () => {
    target.removeEventListener("pointermove", move);
    target.removeEventListener("pointerup", stop);
    target.removeEventListener("pointercancel", stop);
  };
  for (const [name, does] of [["pointermove", move], ["pointerup", stop], ["pointercancel", stop]]) {
    target.addEventListener(name, does);
  }
};

const setUpStage = () => {
  const divider = at("divider"), scroll = at("scroll");
  const byPointer = (event) => {
    const stage = at("stage").getBoundingClientRect();
    divide((100 * (event.clientX - stage.left)) / stage.width);
  };
  divider.addEventListener("pointerdown", (event) => { event.preventDefault(); divider.focus(); follow(event, byPointer); });
  divider.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -2, ArrowDown: -2, ArrowRight: 2, ArrowUp: 2, PageUp: 10, PageDown: -10, Home: -100, End: 100 }[event.key];
    if (step) { event.preventDefault(); divide(view.divider + step); }
  });
  at("canvas").addEventListener("pointerdown", (event) => {
    if (event.pointerType !== "mouse") return;
    event.preventDefault();
    if (view.zoom) {
      const from = { x: event.clientX + scroll.scrollLeft, y: event.clientY + scroll.scrollTop };
      follow(event, (moved) => scroll.scrollTo({ left: from.x - moved.clientX, top: from.y - moved.clientY, behavior: "instant" }));
    } else if (view.mode === "wipe") {
      byPointer(event);
      follow(event, byPointer);
    }
  });
  scroll.addEventListener("scroll", () => {
    at("side").scrollLeft = scroll.scrollLeft;
    at("side").scrollTop = scroll.scrollTop;
    wipe();
  });
  for (const button of document.querySelectorAll("button[data-view]")) {
    button.addEventListener("click", () => { choose("mode", button.dataset.view); writeAddress(); });
  }
  for (const button of document.querySelectorAll("button[data-zoom]")) {
    button.addEventListener("click", () => { choose("zoom", Number(button.dataset.zoom)); writeAddress(); });
  }
  new ResizeObserver(layOut).observe(at("stage"));
};
