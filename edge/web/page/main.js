// One request at a time: send it, show its stage, then picture and report together.
const turns = { now: 0, timer: 0, blob: "" };

const watchStage = async (name, turn, start) => {
  const waiting = () => turn === turns.now && !at("working").hidden;
  await new Promise((done) => setTimeout(done, 250));
  while (waiting()) {
    const answer = await fetch(`/-/progress/${name}`).catch(() => null);
    const progress = answer && answer.ok ? await answer.json().catch(() => ({})) : {};
    if (!waiting()) return;
    if (progress.stage) at("stage-name").textContent = STAGES[progress.stage] || progress.stage;
    at("stage-seconds").textContent = `${((performance.now() - start) / 1000).toFixed(1)} s`;
    await new Promise((done) => setTimeout(done, 200));
  }
};

const fail = (problem) => {
  shown.width = 0;
  layOut();
  at("problem").textContent = problem.text;
  at("problem").hidden = false;
  at("rules").replaceChildren(made("p", "No picture, no verdict.", "hint"));
  at("steps").replaceChildren(made("p", "Nothing was rendered.", "hint"));
  if (problem.param) setNote(problem.param, problem.text.split("\n").slice(0, 1).concat(problem.nearest ? `Did you mean ${problem.nearest}?` : []).join(" "), true);
};

const explain = async (request) => {
  const answer = await fetch("/-/explain" + request, { headers: { accept, ...bearer() }, cache: "no-store" }).catch(() => null);
  return answer && answer.ok ? answer.json() : null;
};

const picture = async (image, url) => {
  image.src = url;
  await image.decode().catch(() => {});
};

const draw = async (request, turn, answer, ms) => {
  const body = await answer.blob(), etag = answer.headers.get("etag");
  const spent = [...(answer.headers.get("server-timing") || "").matchAll(/([\w-]+);dur=([\d.]+)/g)].map((one) => [one[1], Number(one[2])]);
  if (spent.length) timings.set(etag, spent);
  const [before] = await answerable([urlOf(pathNow(), [["size", "2k"], ["fm", "webp"]])]);
  const explained = await explain(request);
  if (turn !== turns.now) return;
  URL.revokeObjectURL(turns.blob);
  turns.blob = URL.createObjectURL(body);
  await Promise.all([picture(at("picture"), turns.blob), picture(at("original"), before), picture(at("aside"), before)]);
  if (turn !== turns.now) return;
  Object.assign(shown, { url: request, width: at("picture").naturalWidth, height: at("picture").naturalHeight, type: body.type.replace("image/", "") });
  shown.placed = explained ? placement(explained) : null;
  if (!shown.width) return fail({ text: `The picture is made (${size(body.size)} of ${body.type}), but this browser cannot show it.` });
  showNumbers(answer, body, ms);
  layOut();
  if (view.zoom) centre();
  if (explained) {
    showSaved(explained, body);
    showRules(explained, answer.headers.get("x-edge-compliance"));
    showSteps(explained, etag);
    showEffects(explained, answer);
  } else {
    const closed = "/-/explain is closed here" + (signedOnly ? " without a token of the role explain." : ".");
    at("rules").replaceChildren(made("p", answer.headers.get("x-edge-compliance") || closed, "hint"));
    at("steps").replaceChildren(made("p", closed, "hint"));
  }
};

const begin = (request) => {
  forgetReports();
  mark();
  markTab();
  markCard();
  at("link").textContent = at("link").href = request;
  at("snippet").textContent = "";
  at("snippet-hint").textContent = "";
  at("problem").hidden = true;
  at("stage-name").textContent = "Requesting";
  at("stage-seconds").textContent = "";
  at("working").hidden = false;
  at("stage").classList.add("busy");
};

const show = async (step = false) => {
  const turn = ++turns.now, request = requestNow(), start = performance.now();
  writeAddress(step);
  begin(request);
  const name = `page-${crypto.getRandomValues(new Uint32Array(2)).join("-")}`;
  watchStage(name, turn, start);
  turns.stop?.abort();
  turns.stop = new AbortController();
  try {
    if (signedOnly && !operator.token) throw new Error("This server answers signed URLs only. With a token of the role sign, this page signs for itself: open Operator at the top.");
    if (!pathNow()) throw new Error("Give the path of an original, such as sku/123.jpg.");
    const [requested] = await answerable([request]);
    const answer = await fetch(requested, { headers: { accept, "x-edge-progress": name }, cache: "reload", signal: turns.stop.signal });
    if (turn !== turns.now) return;
    if (answer.ok) await draw(request, turn, answer, performance.now() - start);
    else fail(await problemOf(answer));
  } catch (error) {
    if (turn === turns.now) fail({ text: error.message === "Failed to fetch" ? "The server does not answer." : error.message });
  } finally {
    if (turn === turns.now) {
      at("working").hidden = true;
      at("stage").classList.remove("busy");
      document.body.dataset.shown = request;
      showSnippet();
      if (shown.width) thumbPresets();
    }
  }
};

const soon = () => {
  clearTimeout(turns.timer);
  ++turns.now; // what is under way is of another request
  turns.stop?.abort();
  document.body.dataset.shown = "";
  turns.timer = setTimeout(() => show(), 350);
};

const openPath = (path) => {
  at("path").value = path;
  show(true);
};

const setUpTheme = () => {
  const root = document.documentElement, button = at("theme"), order = ["auto", "light", "dark"];
  const dress = (name) => {
    if (name === "auto") delete root.dataset.theme;
    else root.dataset.theme = name;
    button.textContent = { auto: "Auto", light: "Light", dark: "Dark" }[name];
    button.setAttribute("aria-label", `Colour scheme: ${name === "auto" ? "as the system" : name}`);
    localStorage.setItem("edge-theme", name);
  };
  dress(localStorage.getItem("edge-theme") || "auto");
  button.addEventListener("click", () => dress(order[(order.indexOf(root.dataset.theme || "auto") + 1) % 3]));
};

const setUp = async () => {
  setUpTheme();
  setUpStage();
  setUpShare();
  setUpGallery(openPath);
  readAddress();
  choose("mode", view.mode);
  choose("zoom", view.zoom);
  at("open").addEventListener("submit", (event) => { event.preventDefault(); show(true); });
  form.addEventListener("submit", (event) => { event.preventDefault(); show(true); });
  form.addEventListener("reset", () => setTimeout(() => show(true)));
  form.addEventListener("preset", () => show(true));
  form.addEventListener("input", (event) => {
    const source = event.target;
    if (source.dataset.for) form.elements[source.dataset.for].value = source.value.slice(1);
    if (source.name === "fmt") form.elements.w.value = source.value ? "" : "800";
    soon();
  });
  document.addEventListener("click", (event) => {
    const target = event.target.closest('nav a[href^="#"], .skip');
    if (!target) return;
    event.preventDefault(); // the fragment holds the picture
    const title = at(target.getAttribute("href").slice(1));
    title.scrollIntoView();
    title.focus({ preventScroll: true });
  });
  addEventListener("popstate", () => { readAddress(); choose("mode", view.mode); choose("zoom", view.zoom); show(); });
  document.addEventListener("operator", async () => { thumbs.of = ""; const first = await turnTo(0); if (!pathNow() && first) at("path").value = first; show(); });
  const first = turnTo(0);
  if (!pathNow()) at("path").value = (await first) || "";
  show();
};

setUp();
