// The state of the page: the form, the address of this page, and the URL of the picture.
const at = (id) => document.getElementById(id);
const form = at("try");
const signedOnly = document.body.dataset.signed === "1";
const accept = "image/avif,image/webp,image/*,*/*;q=0.8"; // as a browser's <img> sends it

const made = (name, text = "", kind = "") => {
  const element = document.createElement(name);
  element.textContent = text;
  if (kind) element.className = kind;
  return element;
};

const encodePath = (path) => "/" + path.replace(/^\/+/, "").split("/").map(encodeURIComponent).join("/");
const plain = (text) => encodeURIComponent(text).replace(/%2C/g, ",").replace(/%3A/g, ":").replace(/%2F/g, "/");

/** The words that are set, in the order of the form: [name, value]. */
const words = () => {
  const own = [...new FormData(form)].filter(([name, value]) => name !== "more" && value.trim());
  const more = [...new URLSearchParams(form.elements.more.value)];
  return [...own.map(([name, value]) => [name, value.trim()]), ...more];
};

const urlOf = (path, pairs) => {
  const query = pairs.map(([name, value]) => `${plain(name)}=${plain(value)}`).join("&");
  return encodePath(path) + (query ? "?" + query : "");
};

const pathNow = () => at("path").value.trim().replace(/^\/+/, "");
const requestNow = () => urlOf(pathNow(), words());

/** Lays a picture's URL into the form. */
const lay = (request) => {
  const [path, query = ""] = request.split("?");
  try {
    at("path").value = decodeURIComponent(path.replace(/^\/+/, ""));
  } catch {
    at("path").value = path;
  }
  for (const field of form.elements) if (field.name) field.value = "";
  const more = [];
  for (const [name, value] of new URLSearchParams(query)) {
    const field = form.elements[name];
    if (field && name !== "more") field.value = value;
    if (!field || (field.value !== value && name !== "more")) more.push([name, value]);
  }
  form.elements.more.value = more.map(([name, value]) => `${plain(name)}=${plain(value)}`).join("&");
};

const view = { mode: "wipe", zoom: 0, divider: 50 };

const readAddress = () => {
  const params = new URLSearchParams(location.search);
  if (["wipe", "side", "result"].includes(params.get("view"))) view.mode = params.get("view");
  if (["100", "200"].includes(params.get("zoom"))) view.zoom = Number(params.get("zoom"));
  if (location.hash.startsWith("#/")) lay(location.hash.slice(1));
};

const writeAddress = (step) => {
  const params = new URLSearchParams();
  if (view.mode !== "wipe") params.set("view", view.mode);
  if (view.zoom) params.set("zoom", view.zoom);
  const search = params.toString();
  const address = (search ? "?" + search : location.pathname) + "#" + requestNow();
  if (address !== location.pathname + location.search + location.hash) {
    history[step ? "pushState" : "replaceState"](null, "", address);
  }
};

const toast = (text) => {
  at("toast").textContent = text;
  at("toast").hidden = false;
  clearTimeout(toast.timer);
  toast.timer = setTimeout(() => (at("toast").hidden = true), 1800);
};
