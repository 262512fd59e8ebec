// Goals changed where they stand: a form in each goal's card, and one for a new goal. What is sent
// is the command `goal`; the board checks it as it checks the file, and says what is wrong.

import { el, field, line, number, otherwise, words } from "./parts.js";

const AIMS = [["keep", "keep it between"], ["avoid", "keep it out of"], ["reach", "have it between, once a day"]];

/** What a field holds as a number; nothing where it is empty. */
const typed = (one) => (one.value.trim() === "" ? undefined : Number(one.value));

/** The fields of an aim, and the way from them to what the command takes. */
function aimed(key, aim, unit) {
  if (key === "minimise") return { lines: [], read: () => aim };
  if (key === "follow") {
    const schedule = Object.entries(aim.schedule ?? {}).map(([time, value]) => `${time} ${value}`).join(", ");
    const times = field("text", "times and values", schedule, { required: true, placeholder: "06:00 20, 22:00 17" });
    const within = field("number", "near enough", aim.within, { required: true });
    const pairs = () => times.value.split(",").map((pair) => pair.trim().split(/[\s=]+/)).filter(([time]) => time);
    return {
      lines: [line("From each time on", times, unit, "follow.schedule"), line("Near enough", within, unit, "follow.within")],
      read: () => ({ sensor: aim.sensor, within: typed(within),
        schedule: Object.fromEntries(pairs().map(([time, value]) => [time, Number(value)])) }),
    };
  }
  const min = field("number", "at least", aim.min);
  const max = field("number", "at most", aim.max);
  const by = key === "reach" ? field("time", "by", aim.by ?? "06:00", { required: true }) : null;
  const [low, high] = key === "avoid" ? ["Not from", "to"] : ["At least", "At most"];
  const lines = [line(low, min, unit, `${key}.min`), line(high, max, unit, `${key}.max`)];
  if (by) lines.push(line("By", by, null, "reach.by"));
  return { lines, read: () => ({ sensor: aim.sensor, min: typed(min), max: typed(max), ...(by ? { by: by.value } : {}) }) };
}

/** The form of a goal that is there. `unit(sensor)` is the unit of a sensor. */
export class Change {
  constructor(name, send, unit) {
    this.name = name;
    this.send = send;
    this.unit = unit;
    this.place = el("div");
    this.node = el("details", { on: { toggle: () => { if (this.node.open) this.fill(); } } },
      el("summary", { text: "Change", "aria-label": `change the goal ${name}` }), this.place);
  }

  /** What holds now. A form that somebody is in keeps what was typed. */
  show(put) {
    this.put = put;
  }

  fill() {
    const { put } = this;
    const key = ["keep", "avoid", "reach", "follow", "minimise"].find((one) => one in put);
    const { lines, read } = aimed(key, put[key], this.unit(put[key].sensor));
    const weight = field("number", "weight", put.weight, { required: true });
    const when = field("text", "only when", put.when, { placeholder: "always" });
    const about = key === "minimise" ? el("p", { class: "quiet", text: `as little ${put.minimise} as possible` })
      : el("p", { class: "quiet", text: words(put[key].sensor) });
    const submit = async (event) => {
      event.preventDefault();
      const changed = { name: this.name, [key]: read(), weight: typed(weight) };
      if (when.value.trim()) changed.when = when.value.trim();
      if (await this.send("goal", { put: changed }, event.target)) this.node.open = false;
    };
    this.place.replaceChildren(el("form", { class: "fields", on: { submit } }, about, ...lines,
      line("Weight", weight, null, "weight"), line("Only when", when, null, "when"), otherwise(),
      el("div", { class: "row" }, el("button", { type: "submit", text: "Keep it so" }), this.forget())));
  }

  /** Two presses: a goal that is gone has to be typed again. */
  forget() {
    let sure = false;
    const button = el("button", { type: "button", class: "no", text: "Forget it", on: { click: () => {
      if (sure) {
        this.send("goal", { remove: this.name });
        this.node.open = false;
      }
      sure = true;
      button.textContent = "Really forget it";
    } } });
    return button;
  }
}

/** The form of a goal that is not there yet, in `place`, for sensors that are numbers. */
export function fresh(place, send, sensors) {
  const options = (list) => list.map(([value, text]) => el("option", { value, text }));
  const name = field("text", "name", "", { required: true, maxlength: 120, placeholder: "climate" });
  const sensor = el("select", { "aria-label": "sensor" }, ...options(sensors.map((one) => [one.name, words(one.name)])));
  const kind = el("select", { "aria-label": "what is wanted" }, ...options(AIMS));
  const rest = el("div", { class: "fields" });
  let read = null;
  const again = () => {
    const made = aimed(kind.value, { sensor: sensor.value }, sensors.find((one) => one.name === sensor.value)?.unit);
    read = made.read;
    rest.replaceChildren(...made.lines);
  };
  kind.addEventListener("change", again);
  sensor.addEventListener("change", again);
  const details = el("details", { class: "card" }, el("summary", { text: "A new goal" }),
    el("form", { class: "fields", on: { submit: async (event) => {
      event.preventDefault();
      const put = { name: name.value.trim(), [kind.value]: read() };
      if (!(await send("goal", { put }, event.target))) return;
      name.value = "";
      again();
      details.open = false;
    } } }, line("Name", name, null, "name"), line("Reading", sensor), line("Wanted", kind), rest, otherwise(),
    el("div", { class: "row" }, el("button", { type: "submit", text: "Set this goal" }))));
  again();
  place.replaceChildren(details);
}

/** A goal command in words. */
export function told(what) {
  if (what.remove) return `forget the goal ${what.remove}`;
  const put = what.put;
  const aim = put.keep ?? put.avoid ?? put.reach ?? {};
  const bounds = [aim.min, aim.max].filter((one) => one !== undefined).map(number).join(" to ");
  return `the goal ${put.name}${bounds ? ` ${bounds}` : ""}`;
}
