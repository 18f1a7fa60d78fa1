// Snippets to copy, and what an operator's token allows: signatures and protected routes.
const WIDTHS = [320, 480, 640, 828, 1080, 1280, 1668, 2048, 2560];
const SIZES = "(min-width: 900px) 50vw, 100vw";
const KEPT = "edge-operator-token";

const operator = { token: sessionStorage.getItem(KEPT) || "" };
const bearer = () => (operator.token ? { authorization: `Bearer ${operator.token}` } : {});

const problemOf = async (answer) => {
  const problem = await answer.json().catch(() => ({}));
  const lines = [
    problem.detail || problem.title || `The server answers ${answer.status}.`,
    problem.allowed && "Allowed: " + [].concat(problem.allowed).join(", "),
    problem.nearest && `Did you mean ${problem.nearest}?`,
  ];
  return { text: lines.filter(Boolean).join("\n"), param: problem.param, nearest: problem.nearest };
};

/** The same URLs, signed; raises the server's error. */
const signed = async (urls, life = at("life").value) => {
  const body = JSON.stringify(life ? { urls, expires: Number(life) } : { urls });
  const answer = await fetch("/-/sign", { method: "POST", body, headers: { "content-type": "application/json", ...bearer() } });
  if (!answer.ok) throw new Error((await problemOf(answer)).text);
  return (await answer.json()).urls;
};

/** URLs as this server answers them: where it wants signatures, with them. */
const answerable = async (urls) => (signedOnly ? signed(urls, "3600") : urls);

const quoted = (text) => text.replace(/&/g, "&amp;").replace(/"/g, "&quot;").replace(/</g, "&lt;");
const fileName = (type) => {
  const stem = pathNow().split("/").pop().replace(/\.[^.]*$/, "") || "picture";
  return `${stem}.${type.replace("jpeg", "jpg")}`;
};

const wide = (pairs, width) => {
  const own = new Map(pairs), high = Number(own.get("h")), across = Number(own.get("w"));
  own.set("w", width);
  if (high && across) own.set("h", Math.max(1, Math.floor((high * width) / across + 0.5)));
  return [...own].map(([name, value]) => [name, String(value)]);
};

const imageTag = async () => {
  const most = Math.max(shown.width, 320), widths = WIDTHS.filter((width) => width <= most * 1.3);
  const sizesSet = words().some(([name]) => ["size", "dpr"].includes(name));
  const plainUrl = requestNow(), several = sizesSet ? [] : widths.map((width) => urlOf(pathNow(), wide(words(), width)));
  const all = (signedOnly ? await signed([plainUrl, ...several]) : [plainUrl, ...several]).map((url) => quoted(location.origin + url));
  const set = several.length ? `\n  srcset="${all.slice(1).map((url, index) => `${url} ${widths[index]}w`).join(",\n          ")}"\n  sizes="${SIZES}"` : "";
  return `<img\n  src="${all[0]}"${set}\n  width="${shown.width}" height="${shown.height}" alt="" loading="lazy">`;
};

const LIQUID = { w: "width", h: "height", bg: "pad_color", fm: "format", fmt: "preset", preset: "preset", q: "quality" };

const liquid = () => {
  const pairs = words(), own = new Map(pairs), left = [];
  const options = pairs.flatMap(([name, value]) => {
    if (LIQUID[name]) return [`${LIQUID[name]}: ${/^\d+$/.test(value) ? value : `'${value}'`}`];
    if (name !== "fit") left.push(name);
    return [];
  });
  if (own.get("fit") === "cover") options.push("crop: 'center'");
  else if (own.has("fit") && !(own.get("fit") === "pad" && own.has("bg"))) left.push("fit");
  operator.hint = left.length ? `The theme's snippet has no word for ${left.join(", ")}.` : "edge-image.liquid goes into the theme's snippets; image_host is a setting of the theme.";
  return `{% render 'edge-image', image: product.featured_image,\n   ${[...options, `sizes: '${SIZES}'`].join(", ")} %}`;
};

const next = () => {
  const src = urlOf(pathNow(), words().filter(([name]) => !["w", "q"].includes(name)));
  operator.hint = "The loader requests each width; a preset and other words stay in src.";
  return `// image-loader.js, named by images.loaderFile in next.config.js\nimport { edgeLoader } from "edge-images/next";\nexport default edgeLoader("${location.origin}");\n\n` +
    `<Image src="${src}" width={${shown.width}} height={${shown.height}} sizes="${SIZES}" alt="" />`;
};

const link = async () => location.origin + (await answerable([requestNow()]))[0];

const FORMS = {
  URL: link,
  HTML: imageTag,
  curl: async () => `curl -o '${fileName(shown.type || "jpg")}' '${(await link()).replace(/'/g, "%27")}'`,
  Liquid: async () => liquid(),
  Next: async () => next(),
  "Signed URL": async () => {
    if (!operator.token) return "";
    return location.origin + (await signed([requestNow()]))[0];
  },
};

let formNow = "HTML";

const showSnippet = async () => {
  const own = formNow, request = requestNow();
  operator.hint = "";
  let text = "";
  try {
    text = await FORMS[own]();
    if (own === "Signed URL") operator.hint = text ? `Holds for ${at("life").selectedOptions[0].text}.` : "Signing takes a token with the role sign: open Operator at the top.";
  } catch (error) {
    operator.hint = error.message;
  }
  if (own !== formNow || request !== requestNow()) return;
  at("snippet").textContent = text;
  at("snippet").hidden = !text;
  at("copy-snippet").hidden = !text;
  at("snippet-hint").textContent = operator.hint;
};

const copy = async (text) => {
  try {
    await navigator.clipboard.writeText(text);
  } catch { // not a secure context: only the old way is there
    const area = made("textarea", text);
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }
  toast("Copied");
};

const setUpShare = () => {
  for (const name of Object.keys(FORMS)) {
    const button = made("button", name);
    button.type = "button";
    button.setAttribute("aria-pressed", String(name === formNow));
    button.addEventListener("click", () => {
      formNow = name;
      for (const other of at("forms").children) other.setAttribute("aria-pressed", String(other === button));
      showSnippet();
    });
    at("forms").append(button);
  }
  at("copy-snippet").addEventListener("click", () => copy(at("snippet").textContent));
  document.querySelector("[data-copies]").addEventListener("click", async () => {
    try { copy(await link()); } catch (error) { toast(error.message.split("\n")[0]); }
  });
  at("operator-open").addEventListener("click", () => { at("token").value = operator.token; at("operator").showModal(); });
  at("operator").addEventListener("close", () => {
    if (!["keep", "forget"].includes(at("operator").returnValue)) return;
    operator.token = at("operator").returnValue === "keep" ? at("token").value.trim() : "";
    sessionStorage[operator.token ? "setItem" : "removeItem"](KEPT, operator.token);
    document.dispatchEvent(new Event("operator"));
  });
};
