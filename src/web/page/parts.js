// What the views are made of. Every name and text goes in as text, never as markup: a name out of
// the configuration or a device may be anything.

/** Whose voice it was. */
export const WHO = { rule: "a rule", planner: "the planner", mind: "the mind", cloud: "the cloud",
  human: "a person", command: "an operator" };

const SVG = "http://www.w3.org/2000/svg";

/** An element. `what` has attributes; `text` is its text, `on` its listeners. */
export function el(tag, what = {}, ...children) {
  const made = document.createElement(tag);
  fill(made, what);
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

/** The same of a picture. */
export function svg(tag, what = {}, ...children) {
  const made = document.createElementNS(SVG, tag);
  fill(made, what);
  made.append(...children);
  return made;
}

function fill(made, what) {
  for (const [key, value] of Object.entries(what)) {
    if (key === "text") made.textContent = value;
    else if (key === "on") for (const [name, f] of Object.entries(value)) made.addEventListener(name, f);
    else if (value === true) made.setAttribute(key, "");
    else if (value !== false && value !== null && value !== undefined) made.setAttribute(key, value);
  }
}

/** Sets a text only where it is another one, so that nothing is drawn again for nothing. */
export function say(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** A name as words. */
export const words = (name) => String(name).replaceAll("_", " ");

/** A number with as many digits as matter. */
export function number(value) {
  if (value === null || value === undefined || !Number.isFinite(value)) return "–";
  const size = Math.abs(value);
  const digits = size >= 100 ? 0 : size >= 10 ? 1 : 2;
  return String(Number(value.toFixed(digits)));
}

/** A time span in words. */
export function span(seconds) {
  if (seconds < 90) return `${Math.round(seconds)} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172800) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86400)} days`;
}

/** A moment, in the reader's own time. */
export function moment(at) {
  const when = new Date(at);
  if (Number.isNaN(when.getTime())) return String(at);
  const day = when.toLocaleDateString(undefined, { month: "short", day: "numeric" });
  return `${day}, ${when.toLocaleTimeString(undefined, { hour: "2-digit", minute: "2-digit" })}`;
}

/** One line of a form: what it is, the field, and what is wrong with what stands in it: `key`. */
export function line(text, field, after, key) {
  const fault = key ? el("span", { class: "fault", role: "alert", "data-fault": key }) : null;
  return el("label", { class: "line" }, el("span", { text }), el("span", { class: "row" }, field, after ? el("small", { text: after }) : null), fault);
}

/** A field of a form. */
export function field(type, label, value, more = {}) {
  const step = type === "number" ? "any" : null;
  const made = el("input", { type, step, "aria-label": label, autocomplete: "off", ...more });
  made.value = value ?? "";
  return made;
}

/** Where a form says what is wrong with none of its fields. */
export const otherwise = () => el("p", { class: "fault", role: "alert", "data-fault": "" });

/** Says beside the fields of a form what the board finds wrong with them; nothing where it is all right. */
export function faulty(form, faults) {
  const places = [...form.querySelectorAll("[data-fault]")];
  const texts = new Map(places.map((place) => [place, []]));
  for (const { key, line: row, column, found: told, allowed } of faults) {
    // Its place is said once.
    const found = told.replace(/^a condition in which (line \d+, )?column \d+: /, "");
    const of = places.find(({ dataset: { fault } }) => fault && (key === fault || key.startsWith(`${fault}.`)));
    const at = row === null ? "" : row > 1 ? `Line ${row}, column ${column}: ` : `Column ${column}: `;
    const what = key.startsWith(`${of?.dataset.fault}.`) || !of ? `${key} ` : "";
    texts.get(of ?? places.find(({ dataset: { fault } }) => !fault))?.push(`${at}${what}found ${found}; allowed: ${allowed}`);
  }
  for (const [place, lines] of texts) {
    say(place, lines.join("\n"));
    const one = place.closest("label")?.querySelector("input, select, textarea");
    if (one && lines.length > 0) one.setAttribute("aria-invalid", "true");
    else one?.removeAttribute("aria-invalid");
  }
  form.querySelector("[aria-invalid]")?.focus();
}

/** What a decision would set, in words; `otherwise` where that is nothing. */
export function doing(set, otherwise) {
  const pairs = Object.entries(set ?? {});
  if (pairs.length === 0) return otherwise ?? "do nothing";
  return pairs.map(([name, to]) => `${words(name)} ${to}`).join(", ");
}

/** Where a value is within what is wanted: a track with a marked part and a dot. */
export class Band {
  constructor(band) {
    this.band = band;
    const { min, max } = band;
    const width = min !== null && max !== null ? Math.max(max - min, 1e-9) : Math.abs(min ?? max) * 0.4 || 1;
    this.low = (min ?? max - width) - width * 0.5;
    this.high = (max ?? min + width) + width * 0.5;
    const from = min === null ? 0 : this.place(min);
    const to = max === null ? 100 : this.place(max);
    this.dot = svg("rect", { class: "here", y: 1, width: 2.4, height: 16, rx: 1.2 });
    this.node = svg("svg", { class: "band", viewBox: "0 0 100 18", preserveAspectRatio: "none", "aria-hidden": "true" },
      svg("rect", { class: "track", x: 0, y: 6, width: 100, height: 6, rx: 3 }),
      svg("rect", { class: "wanted", x: from, y: 6, width: Math.max(to - from, 1), height: 6, rx: 3 }),
      this.dot);
  }

  place(value) {
    return Math.min(100, Math.max(0, ((value - this.low) / (this.high - this.low)) * 100));
  }

  show(value) {
    const known = typeof value === "number";
    this.dot.setAttribute("visibility", known ? "visible" : "hidden");
    if (!known) return;
    const { min, max } = this.band;
    const out = (min !== null && value < min) || (max !== null && value > max);
    this.node.setAttribute("class", out ? "band out" : "band");
    this.dot.setAttribute("x", Math.min(97.6, Math.max(0, this.place(value) - 1.2)).toFixed(2));
  }
}

/** The bounds of a series, a little wider than it is. */
export function bounds(series, band) {
  const known = series.filter((value) => value !== null);
  let [low, high] = [Math.min(...known), Math.max(...known)];
  if (band) {
    low = Math.min(low, band.min ?? low);
    high = Math.max(high, band.max ?? high);
  }
  const air = (high - low) * (band ? 0.2 : 0.08) || Math.abs(high) * 0.05 || 0.5;
  return [low - air, high + air];
}

/** Without the time before anything was known. */
export const begun = (series) => series.slice(Math.max(series.findIndex((value) => value !== null), 0));

/** A line through a series; where nothing is known it is broken. */
export function trace(series, [low, high], height) {
  let path = "";
  let pen = "M";
  series.forEach((value, index) => {
    if (value === null) {
      pen = "M";
      return;
    }
    const x = (index / Math.max(series.length - 1, 1)) * 100;
    const y = height - ((value - low) / (high - low)) * height;
    path += `${pen}${x.toFixed(2)} ${y.toFixed(2)}`;
    pen = "L";
  });
  return svg("path", { d: path });
}

/** Says something for some seconds. */
export function toast(text) {
  const node = el("div", { class: "toast", text });
  document.getElementById("toasts").append(node);
  setTimeout(() => node.remove(), 6000);
}
