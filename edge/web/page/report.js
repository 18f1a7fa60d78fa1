// The report: numbers, rules as a checklist, steps with their times, and the effect of each word.
const timings = new Map(); // by ETag: a cached picture has no timings

const count = (value) => value.toLocaleString("en");
const size = (bytes) => (bytes < 1000 ? `${bytes} B` : bytes < 1e6 ? `${(bytes / 1e3).toFixed(bytes < 1e4 ? 1 : 0)} kB` : `${(bytes / 1e6).toFixed(1)} MB`);
const span = (ms) => (ms < 1 ? "< 1 ms" : ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(ms < 10000 ? 2 : 1)} s`);

const number = (name, value, more = "", kind = "") => {
  const cell = made("div"), shown = made("dd", value, kind);
  if (more) shown.append(made("small", more));
  cell.append(made("dt", name), shown);
  return cell;
};

const source = (status) => {
  const tier = /detail=([^;]+)/.exec(status || "");
  if (tier) return [tier[1] === "memory" ? "memory" : tier[1], "kept from before"];
  return /collapsed/.test(status) ? ["rendered", "for another request too"] : ["rendered", "just now"];
};

const showNumbers = (answer, body, ms) => {
  const header = (name) => answer.headers.get(name) || "", [from, how] = source(header("cache-status"));
  const verdict = header("x-edge-compliance"), passed = /; pass/.test(verdict), review = /review=([^;]+)/.exec(verdict);
  const rows = [
    number("Size", header("x-edge-size").replace("x", " × "), "pixels"),
    number("File", size(body.size), `${count(body.size)} bytes, ${body.type.replace("image/", "")}`),
    number("Answered in", span(ms), `${from}, ${how}`),
  ];
  if (verdict) rows.push(number("Verdict", passed ? (review ? "Pass, review" : "Pass") : "Fails", verdict.split(";")[0], passed ? "good" : "bad"));
  if (header("x-edge-colour")) rows.push(number("Colour", header("x-edge-colour").split(";")[0], header("x-edge-colour").split(";").slice(1).join(";").trim()));
  if (header("x-edge-rendition")) rows.push(number("Fallback", header("x-edge-rendition"), "the final one is being made", "bad"));
  at("numbers").replaceChildren(...rows);
};

const showSaved = (explained, body) => {
  const before = explained.original && explained.original.bytes;
  if (!before) return;
  const saved = 1 - body.size / before, less = saved >= 0;
  const wide = explained.facts.size;
  const cell = number(less ? "Saved" : "Larger by", `${Math.round(Math.abs(saved) * 100)} %`, `${size(Math.abs(before - body.size))} of ${size(before)}`, less ? "good" : "");
  const whole = number("Original", `${count(wide[0])} × ${count(wide[1])}`, `${explained.facts.format}, ${size(before)}`);
  at("numbers").prepend(whole);
  at("numbers").children[2].after(cell);
};

const NAMES = {
  formats: "File format", long_min: "Long side, at least", long_max: "Long side, at most", short_min: "Short side, at least",
  ratios: "Aspect ratio", bytes_max: "File size, at most", srgb: "Colours", no_alpha: "No transparency", no_border: "No drawn border",
  background: "Background", background_neutral: "Neutral background", fill_min: "Product fills, at least", no_second_view: "No second view", no_text: "No text", no_detail: "No close-up", no_head: "No head",
  drift_max: "Colours moved, at most", swatch_max: "Off the swatch, at most", synthesized_max: "Added background, at most", guessed_max: "Guessed background, at most",
};
const REVIEWS = {
  doubt: "The cut may be wrong: check the outline, and what is missing or left over.",
};

const readable = (rule, value) => {
  if (value === null || value === undefined) return "unknown";
  if (rule === "bytes_max") return size(value);
  if (/fill|synthesized|guessed/.test(rule)) return `${(100 * value).toFixed(1).replace(/\.0$/, "")} %`;
  if (/long|short/.test(rule)) return `${count(value)} px`;
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (Array.isArray(value)) return value.join(" or ");
  if (typeof value === "object") return Object.entries(value).map(([name, one]) => `${name} ${typeof one === "number" ? Math.round(one * 1000) / 1000 : one}`).join(", ");
  return String(value);
};

const ruleRow = (finding) => {
  const row = made("li", "", "rule" + (finding.passed ? "" : " fails")), text = made("p"), mark = made("i", finding.passed ? "✓" : "✕");
  mark.setAttribute("aria-hidden", "true");
  const measured = made("strong", readable(finding.rule, finding.measured)), facts = made("span");
  facts.append("measured ", measured, `, wanted ${readable(finding.rule, finding.wanted)}${finding.heuristic ? " (a heuristic)" : ""}`);
  const title = made("b", NAMES[finding.rule] || finding.rule);
  title.append(made("span", finding.passed ? " passes" : " fails", "over"));
  text.append(title, made("br"), facts);
  row.append(mark, text);
  return row;
};

const reviewRow = (reason) => {
  const row = made("li", "", "rule review"), text = made("p"), mark = made("i", "!");
  mark.setAttribute("aria-hidden", "true");
  text.append(made("b", "For review: " + reason), made("br"), made("span", REVIEWS[reason] || "Review it before it is published."));
  row.append(mark, text);
  return row;
};

const showRules = (explained, header) => {
  const report = explained.verification, named = /review=([^;]+)/.exec(header || "");
  const reviews = (report && report.review && report.review.length ? report.review : null) || (named ? named[1].split(",") : explained.review || []);
  const list = made("ul"), box = at("rules");
  if (!report) {
    box.replaceChildren(made("p", "Rules are a preset's. Choose one above to check the picture against its marketplace's rules.", "hint"));
    if (reviews.length) box.append(list);
    list.append(...reviews.map(reviewRow));
    return;
  }
  const failed = report.findings.filter((finding) => !finding.passed);
  const good = failed.length === 0, total = report.findings.length;
  const verdict = good ? (reviews.length ? `All ${total} rules pass; to be reviewed` : `All ${total} rules pass`) : `${failed.length} of ${total} rules broken`;
  list.append(...failed.map(ruleRow), ...reviews.map(reviewRow), ...report.findings.filter((finding) => finding.passed).map(ruleRow));
  box.replaceChildren(made("p", verdict, "verdict" + (good ? (reviews.length ? " warn" : "") : " bad")), list);
};

const STAGES = {
  waiting: "Waiting", origin: "Fetching the original", queue: "Waiting for admission", facts: "Reading the header", decode: "Decoding", grain: "Measuring grain",
  inspection: "Inspecting the finished picture", analysis: "Analysing the background", cut: "Cutting out", matting: "Cutting out by network", "matte-lookup": "Fetching the cut-out", plan: "Planning", frame: "Framing",
  crop: "Cropping", trim: "Trimming", rotate: "Turning", flip: "Mirroring", upscale: "Enlarging by network", decontaminate: "Decontaminating the colours", resize: "Resizing", matte: "Applying the matte",
  pad: "Adding background", extend: "Extending the background", background: "Filling the background", flatten: "Flattening onto a background", stretch: "Enlarging", shadow: "Drawing the shadow", sharpen: "Sharpening", blur: "Blurring",
  encode: "Encoding", verify: "Verifying the rules",
};

const detail = (step) => Object.entries(step)
  .filter(([name, value]) => !["op", "remarks", "view"].includes(name) && value !== null && value !== false && value !== "")
  .map(([name, value]) => `${name} ${Array.isArray(value) ? value.map((one) => (typeof one === "number" ? Math.round(one) : one)).join(" ") : value === true ? "yes" : value}`).join(" · ");

const stepRow = (name, ms, most, text, support) => {
  const row = made("li", "", "step" + (support ? " support" : "")), beam = made("span", "", "beam"), bar = made("i");
  bar.style.width = `${most && ms !== undefined ? (100 * ms) / most : 0}%`;
  if (ms === undefined) bar.hidden = true;
  beam.append(bar);
  const title = made("b", name);
  title.title = STAGES[name] || name;
  row.append(title, beam, made("time", ms === undefined ? "–" : span(ms)));
  if (text) row.append(made("p", text));
  return row;
};

const showSteps = (explained, etag) => {
  const spent = timings.get(etag), steps = explained.plan.steps, list = made("ul"), box = at("steps");
  const by = new Map(spent || []), most = Math.max(1, ...by.values());
  const ops = new Map(steps.map((step) => [step.op, step]));
  const late = ["encode", "verify"], early = [...by.keys()].filter((name) => !ops.has(name) && !late.includes(name));
  const rows = [
    ...early.map((name) => stepRow(name, by.get(name), most, "", true)),
    ...steps.map((step) => stepRow(step.op, by.get(step.op), most, detail(step), false)),
    ...late.filter((name) => by.has(name)).map((name) => stepRow(name, by.get(name), most, "", true)),
  ];
  list.append(...rows);
  list.className = spent ? "" : "untimed";
  const total = [...by.values()].reduce((sum, one) => sum + one, 0);
  const count = steps.length === 1 ? "1 step" : `${steps.length} steps`;
  const head = spent ? `${count}; ${span(total)} of work` : `${count}; made before, so no times`;
  box.replaceChildren(made("p", head, "hint"), list);
  const notes = [...new Set([...explained.plan.notes, ...explained.decoded.notes])];
  if (notes.length) {
    const remarks = made("ul", "", "notes");
    remarks.append(...notes.map((note) => made("li", note)));
    box.append(remarks);
  }
};

const setNote = (word, text, bad = false) => {
  const note = at("note-" + word);
  if (!note) return false;
  note.textContent = text;
  note.hidden = !text;
  note.className = "field-note" + (bad ? " bad" : "");
  note.closest(".field").classList.toggle("wrong", bad);
  if (text) note.closest("details")?.setAttribute("open", "");
  return true;
};

const showEffects = (explained, answer) => {
  const given = new Map(words());
  for (const effect of explained.words || []) {
    if (effect.counts) continue;
    setNote(effect.word, effect.by ? `Overruled by ${effect.by}.` : "Changes nothing beside the other words.");
  }
  if (explained.ignored.length) setNote("more", `Ignored: ${explained.ignored.join(", ")}.`);
  const counts = new Map(new URLSearchParams(explained.canonical)), came = (answer.headers.get("x-edge-size") || "").split("x").map(Number);
  for (const [name, index] of [["w", 0], ["h", 1]]) {
    const requested = Number(counts.get(name));
    if (given.has(name) && at("note-" + name).hidden && requested > came[index] + 1) {
      setNote(name, `${came[index]} came out of ${requested} requested: ${counts.get("up") ? "whole, inside the frame" : "nothing is enlarged without up"}.`);
    }
  }
  const lossless = answer.headers.get("content-type") === "image/png";
  if (given.has("q") && lossless) setNote("q", "PNG has no quality.");
  for (const field of form.querySelectorAll("[data-default]")) {
    const counted = counts.has(field.name) && !given.has(field.name) ? counts.get(field.name) : field.dataset.default;
    if (field.tagName === "SELECT") field.options[0].text = counted;
    else field.placeholder = counted;
  }
};

const mark = () => {
  const set = new Set(words().map(([name]) => name));
  for (const field of form.querySelectorAll(".field")) field.classList.toggle("set", set.has(field.dataset.word));
  for (const group of form.querySelectorAll("details")) {
    const many = group.querySelectorAll(".field.set").length;
    group.querySelector("em").textContent = many ? String(many) : "";
  }
};

/** Clears the report of the last picture. */
const forgetReports = () => {
  const bones = () => [1, 2, 3, 4].map(() => made("div", "", "bone"));
  at("numbers").replaceChildren();
  at("rules").replaceChildren(...bones());
  at("steps").replaceChildren(...bones());
  for (const note of form.querySelectorAll(".field-note")) setNote(note.id.slice(5), "");
};
