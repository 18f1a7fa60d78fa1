// The gallery: a page of what is in the origins, by search; and the presets' thumbnails.
const PAGE = 24;
const gallery = { start: 0, next: null, turn: 0 };

const card = (path, source) => {
  const row = made("li"), shot = made("a", "", "shot"), image = made("img"), name = path.split("/").pop();
  shot.href = "#" + urlOf(path, [["w", "800"]]);
  shot.dataset.path = path;
  shot.title = path;
  image.alt = "";
  image.loading = "lazy";
  image.width = image.height = 200;
  image.src = source;
  shot.append(image, made("span", name), made("small", path.slice(0, -name.length - 1)));
  row.append(shot);
  return row;
};

const markCard = () => {
  for (const shot of document.querySelectorAll(".shot")) {
    if (shot.dataset.path === pathNow()) shot.setAttribute("aria-current", "true");
    else shot.removeAttribute("aria-current");
  }
};

const turnTo = async (start) => {
  const turn = ++gallery.turn;
  const query = new URLSearchParams({ search: at("search").value.trim(), start: String(start), limit: String(PAGE) });
  try {
    const answer = await fetch(`/-/pictures?${query}`, { headers: bearer() });
    if (turn !== gallery.turn) return;
    if (!answer.ok) {
      at("count").textContent = signedOnly ? "Names are listed for operators: open Operator with a token of the role explain." : (await problemOf(answer)).text;
      return;
    }
    const page = await answer.json();
    const thumbs = await answerable(page.pictures.map((path) => urlOf(path, [["w", "240"], ["h", "240"]])));
    if (turn !== gallery.turn) return;
    at("cards").replaceChildren(...page.pictures.map((path, index) => card(path, thumbs[index])));
    gallery.start = start;
    gallery.next = page.next;
    const last = start + page.pictures.length;
    at("count").textContent = !page.lists
      ? "This origin cannot list its pictures: open one by its path, above."
      : page.matches ? `${count(start + 1)} to ${count(last)} of ${count(page.matches)}${page.complete ? "" : " found so far"}` : "Nothing of that name.";
    at("previous").disabled = start === 0;
    at("next").disabled = page.next === null;
    markCard();
    return page.pictures[0];
  } catch (error) {
    if (turn === gallery.turn) at("count").textContent = error.message;
  }
};

const thumbs = { of: "", turn: 0 };

/** One after the other: they share what was cut out, and the large picture goes first. */
const thumbPresets = async () => {
  const path = pathNow();
  if (!path || thumbs.of === path) return;
  const turn = ++thumbs.turn, tabs = [...document.querySelectorAll(".tab")];
  thumbs.of = path;
  for (const tab of tabs) tab.querySelector("img").removeAttribute("src");
  const requests = tabs.map(({ dataset }) => urlOf(path, [...(dataset.preset ? [["fmt", dataset.preset]] : []), ["fm", "webp"], ["w", "176"]]));
  const urls = await answerable(requests).catch(() => []);
  for (const [index, url] of urls.entries()) {
    if (turn !== thumbs.turn) return;
    const image = tabs[index].querySelector("img");
    await new Promise((done) => { image.onload = image.onerror = done; image.src = url; });
  }
};

const choosePreset = (tab) => {
  form.elements.fmt.value = tab.dataset.preset;
  form.elements.w.value = tab.dataset.preset ? "" : "800"; // a preset knows its own size
  form.dispatchEvent(new Event("preset"));
};

/** Sideways alone: the page stays where its reader is. */
const bringIntoView = (tab, strip) => {
  const left = tab.offsetLeft - strip.offsetLeft, right = left + tab.offsetWidth;
  if (left < strip.scrollLeft || right > strip.scrollLeft + strip.clientWidth) {
    strip.scrollLeft = left - (strip.clientWidth - tab.offsetWidth) / 2;
  }
};

const markTab = () => {
  const given = new Map(words()), name = given.get("preset") || given.get("fmt") || "";
  for (const tab of document.querySelectorAll(".tab")) {
    const own = tab.dataset.preset === name;
    tab.setAttribute("aria-selected", String(own));
    tab.tabIndex = own ? 0 : -1;
    if (own) bringIntoView(tab, at("tabs"));
  }
};

const setUpGallery = (open) => {
  let timer = 0;
  at("search").addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(() => turnTo(0), 250); });
  at("previous").addEventListener("click", () => turnTo(Math.max(0, gallery.start - PAGE)));
  at("next").addEventListener("click", () => gallery.next !== null && turnTo(gallery.next));
  at("cards").addEventListener("click", (event) => {
    const shot = event.target.closest(".shot");
    if (!shot || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    open(shot.dataset.path);
    at("stage-title").scrollIntoView({ block: "center" });
    at("stage-title").focus({ preventScroll: true });
  });
  at("tabs").addEventListener("click", (event) => {
    const tab = event.target.closest(".tab");
    if (tab) choosePreset(tab);
  });
  at("tabs").addEventListener("keydown", (event) => {
    const tabs = [...document.querySelectorAll(".tab")], now = tabs.indexOf(document.activeElement);
    const to = { ArrowLeft: now - 1, ArrowRight: now + 1, Home: 0, End: tabs.length - 1 }[event.key];
    if (now < 0 || to === undefined) return;
    event.preventDefault();
    const tab = tabs[(to + tabs.length) % tabs.length];
    tab.focus();
    choosePreset(tab);
  });
};
