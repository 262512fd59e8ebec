// The view of now: what waits for a person, goals, readings, devices. Cards stay; only what is
// another value is drawn again.

import { Change, fresh } from "./goal.js";
import { Band, WHO, begun, bounds, el, number, say, span, svg, trace, words } from "./parts.js";

const byId = (id) => document.getElementById(id);
const cards = { sensors: new Map(), actuators: new Map(), goals: new Map(), approvals: new Map() };
let command = () => {};
let find = () => null;
let sensors = [];

/** `send` sends a command; `decision` finds one that is known by its id. */
export function start(send, decision) {
  command = send;
  find = decision;
}

/** Brings the view up to date. */
export function show(state) {
  const numbers = state.sensors.filter((one) => one.number);
  // Sensors come with a start of the program, and a form that is open is left alone.
  if (numbers.map((one) => one.name).join() !== sensors.map((one) => one.name).join()) {
    sensors = numbers;
    if (sensors.length > 0) fresh(byId("new-goal"), command, sensors);
  }
  each("approvals", state.approvals, (one) => one.id, approval);
  each("goals", state.goals, (one) => one.name, goal);
  each("sensors", state.sensors, (one) => one.name, sensor);
  each("actuators", state.actuators, (one) => one.name, actuator);
}

/** The last day of every sensor. */
export function past(series) {
  for (const [name, card] of cards.sensors) card.past(series[name]);
}

function each(place, list, key, make) {
  const known = cards[place];
  const seen = new Set();
  for (const one of list) {
    seen.add(key(one));
    let card = known.get(key(one));
    if (!card) {
      card = make(one);
      known.set(key(one), card);
      byId(place).append(card.node);
    }
    card.show(one);
  }
  for (const [name, card] of known) {
    if (!seen.has(name)) {
      card.node.remove();
      known.delete(name);
    }
  }
  const heading = byId(place).previousElementSibling;
  // Where there is no goal yet one can be set.
  if (heading?.tagName === "H2") heading.hidden = list.length === 0 && place !== "goals";
}

function sensor(one) {
  const value = el("div", { class: "value" });
  const trend = el("p", { class: "quiet" });
  const track = el("div");
  let band = null;
  let wanted = null;
  const spark = el("div");
  const node = el("article", { class: "card" }, el("h3", { text: words(one.name) }), value, track, spark, trend);
  return {
    node,
    show(now) {
      const known = now.value !== null;
      node.classList.toggle("off", !known);
      value.classList.toggle("unknown", !known);
      const text = !known ? "unknown" : typeof now.value === "number" ? number(now.value)
        : typeof now.value === "boolean" ? (now.value ? "yes" : "no") : now.value;
      const whole = known && now.unit ? `${text} ${now.unit}` : text;
      if (value.dataset.shown !== whole) {
        value.dataset.shown = whole;
        value.classList.toggle("long", whole.length > 24);
        if (whole.length > 24) value.tabIndex = 0;
        value.replaceChildren(text, known && now.unit ? el("small", { text: ` ${now.unit}` }) : "");
      }
      // What is wanted changes with the goals.
      if (JSON.stringify(now.band) !== wanted) {
        wanted = JSON.stringify(now.band);
        band = now.band ? new Band(now.band) : null;
        track.replaceChildren(...(band ? [band.node] : []));
      }
      band?.show(now.value);
      say(trend, words_of(now));
    },
    past(series) {
      if (!series || series.every((value) => value === null)) return;
      const known = begun(series);
      const inside = bounds(known, null);
      spark.replaceChildren(svg("svg", { class: "spark", viewBox: "0 0 100 34", preserveAspectRatio: "none",
        role: "img", "aria-label": `${words(one.name)} in the last 24 hours` }, trace(known, inside, 34)));
    },
  };
}

function words_of(now) {
  if (now.value === null) {
    return now.age_s === null ? "it has not spoken yet" : `last believed ${span(now.age_s)} ago`;
  }
  const parts = [];
  if (now.band) {
    const { min, max } = now.band;
    parts.push(min !== null && max !== null ? `wanted ${number(min)} to ${number(max)}`
      : min !== null ? `wanted above ${number(min)}` : `wanted below ${number(max)}`);
  }
  const slope = now.per_hour;
  if (typeof slope === "number" && Math.abs(slope) >= 0.01) {
    parts.push(`${slope > 0 ? "rising" : "falling"} ${number(Math.abs(slope))} an hour`);
  }
  return parts.join(" · ") || "steady";
}

function goal(one) {
  const word = el("span", { class: "badge" });
  const share = el("progress", { max: 1, "aria-label": `share of the day in which ${one.name} was kept` });
  const about = el("p", { class: "quiet" });
  const change = new Change(one.name, command, (name) => sensors.find((known) => known.name === name)?.unit);
  const node = el("article", { class: "card" },
    el("div", { class: "row spread" }, el("h3", { text: one.name }), word), share, about, change.node);
  return {
    node,
    show(now) {
      const [text, kind] = now.satisfied === true ? ["kept", ""]
        : now.satisfied === false ? [`off by ${number(now.gap)}`, "bad"] : ["not in force or unknown", "plain"];
      say(word, text);
      word.className = `badge ${kind}`;
      change.show(now.put);
      const [hour, day, week] = now.share;
      share.hidden = day === null;
      if (day !== null) share.value = day;
      const percent = (part) => (part === null ? "–" : `${Math.floor(part * 1000) / 10} %`);
      say(about, `kept: last hour ${percent(hour)}, day ${percent(day)}, week ${percent(week)}`);
    },
  };
}

function approval(one) {
  const left = el("p", { class: "quiet" });
  const decide = (kind) => command(kind, { approval: one.id });
  const about = el("p", {});
  const node = el("article", { class: "card ask" },
    el("h3", { text: `${words(one.actuator)} ${one.value}: shall it?` }), about, left,
    el("div", { class: "row" },
      el("button", { type: "button", text: "Yes, do it", on: { click: () => decide("approve") } }),
      el("button", { type: "button", class: "no", text: "No", on: { click: () => decide("deny") } })));
  return {
    node,
    show(now) {
      const decision = find(now.cause.replace("decision ", ""));
      const chosen = decision?.candidates[decision.chosen];
      const predicted = Object.entries(chosen?.predicted ?? {});
      const then = predicted.map(([name, value]) => `${words(name)} ${number(value)}`).join(", ");
      say(about, decision ? `Because of ${decision.cause}.${then ? ` Expected then: ${then}.` : ""}` : `Because of ${now.cause}.`);
      say(left, `waits another ${span(now.left_s)}`);
    },
  };
}

function actuator(one) {
  const value = el("div", { class: "value" });
  const about = el("p", { class: "quiet" });
  const hold = el("select", { "aria-label": `how long the agent leaves ${words(one.name)} alone` },
    ...[[600, "10 min"], [1800, "30 min"], [7200, "2 h"], [43200, "12 h"]]
      .map(([seconds, text]) => el("option", { value: seconds, text, selected: seconds === 1800 })));
  const set = (to) => command("set", { actuator: one.name, value: to, hold_s: Number(hold.value) });
  const node = el("article", { class: "card" },
    el("h3", { text: words(one.name) }), value, about,
    el("details", {}, el("summary", { text: "Set it yourself" }),
      el("div", { class: "row" }, ...controls(one, set)),
      el("p", { class: "quiet" }, "The agent leaves it alone for ", hold)));
  return {
    node,
    show(now) {
      say(value, now.setting ?? "unknown");
      value.classList.toggle("unknown", now.setting === null);
      const parts = [];
      if (now.pending) parts.push(`on its way to ${now.pending}`);
      if (now.silent) parts.push("does not respond");
      if (now.held_s) parts.push(`held for ${span(now.held_s)}`);
      parts.push(now.by ? `last set by ${WHO[now.by] ?? now.by}` : "not set by the agent");
      say(about, parts.join(" · "));
      node.classList.toggle("off", now.silent);
    },
  };
}

function controls(one, set) {
  const button = (text, to, kind) => el("button", { type: "button", text, class: kind,
    "aria-label": `${words(one.name)} ${text}`, on: { click: () => set(to) } });
  switch (one.kind.word) {
    case "level": {
      const { min, max, step } = one.kind;
      const shown = el("output", { text: number(one.level === null ? min : min + one.level * (max - min)) });
      const slide = el("input", { type: "range", min, max, step, "aria-label": `${words(one.name)} level`,
        value: one.level === null ? min : min + one.level * (max - min),
        on: { input: () => say(shown, number(Number(slide.value))) } });
      const go = el("button", { type: "button", text: "Set", "aria-label": `set ${words(one.name)}`,
        on: { click: () => set(Number(slide.value)) } });
      return [slide, shown, go];
    }
    case "choice":
      return one.kind.options.map((option) => button(option, option));
    default:
      return [button("on", "on"), button("off", "off", "no")];
  }
}
