// The board itself: what it runs on, what waits for the cloud, what was said. The figures are those
// of /metrics; what was said comes out of the journal and from the stream.

import { el, moment, number, say, span } from "./parts.js";

const byId = (id) => document.getElementById(id);
const EVENTS_MAX = 500;
let oldest = null;

/** Samples by name: each with its labels and its value. */
export function samples(text) {
  const found = new Map();
  for (const line of text.split("\n")) {
    const parts = /^([a-z_]+)(?:\{(.*)\})? (\S+)$/.exec(line);
    if (!parts) continue;
    const labels = {};
    for (const [, key, value] of (parts[2] ?? "").matchAll(/([a-z_]+)="((?:[^"\\]|\\.)*)"/g)) {
      labels[key] = value.replace(/\\(.)/g, (_, one) => (one === "n" ? "\n" : one));
    }
    if (!found.has(parts[1])) found.set(parts[1], []);
    found.get(parts[1]).push({ labels, value: Number(parts[3]) });
  }
  return found;
}

function bytes(value) {
  for (const [size, unit] of [[1e9, "GB"], [1e6, "MB"], [1e3, "kB"]]) {
    if (value >= size) return `${number(value / size)} ${unit}`;
  }
  return `${number(value)} B`;
}

/** Lines of a card: what and how much; those that nobody knows are left out. */
function card(title, badge, lines) {
  const known = lines.filter(([, value]) => value !== null);
  return el("article", { class: "card" }, el("div", { class: "row spread" }, el("h3", { text: title }), badge),
    el("dl", {}, ...known.flatMap(([what, value]) => [el("dt", { text: what }), el("dd", { text: value })])));
}

const UPDATE = {
  idle: ["nothing is under way", "plain"], staging: ["is being put into its slot", "warn"], trial: ["on trial", "warn"],
  confirmed: ["confirmed", ""], undone: ["undone", "bad"], refused: ["refused", "bad"], damaged: ["the slots are damaged", "bad"],
};

/** How releases stand; they are taken by an operator's command or a rollout, not from here. */
function updates({ state, release, reason, running, confirmed, previous, labels, follows }) {
  const [word, kind] = UPDATE[state] ?? [state, "plain"];
  const name = (one) => one ?? "the installed program";
  const told = Object.entries(labels ?? {}).map(([key, value]) => `${key} ${value}`).join(", ");
  const made = card("Updates", el("span", { class: `badge ${kind}`, text: word }), [
    ["Runs now", name(running)],
    ["Last release", release],
    ["Confirmed", confirmed ?? null],
    ["Before that", previous ?? null],
    ["Takes part in rollouts", follows ? "yes" : "no"],
    ["Labels", told || null],
  ]);
  if (reason) made.append(el("p", { class: kind === "bad" ? "fault" : "quiet", text: reason }));
  return made;
}

/** Shows the figures of now; `text` is the page of metrics, `state` the running agent's. */
export function figures(text, state) {
  const found = samples(text);
  const one = (name, shown, label = null) => {
    const sample = found.get(name)?.find((it) => label === null || it.labels.destination === label);
    return sample === undefined ? null : shown(sample.value);
  };
  const percent = (share) => `${Math.round(share * 100)} %`;
  const hot = (found.get("outpost_board_throttled")?.[0].value ?? 0) > 0;
  const slowed = hot ? el("span", { class: "badge bad", text: "slowed down by heat or voltage" }) : null;
  const board = card("This board", slowed, [
    ["Version", state?.version ?? null],
    ["Runs for", one("outpost_uptime_seconds", span)],
    ["Mind", state ? `${state.mind.word}${state.mind.text ? `: ${state.mind.text}` : ""}` : null],
    ["Temperature", one("outpost_board_temperature_celsius", (value) => `${number(value)} °C`)],
    ["Memory available", one("outpost_board_memory_available_ratio", percent)],
    ["Load of a core", one("outpost_board_load", number)],
    ["Free on the disk", one("outpost_board_disk_free_bytes", bytes)],
  ]);
  const failing = (found.get("outpost_journal_failing")?.[0].value ?? 0) > 0;
  const journal = card("Journal", failing ? el("span", { class: "badge bad", text: "the disk refuses" }) : null, [
    ["Takes", one("outpost_journal_bytes", bytes)],
    ["May take", one("outpost_journal_quota_bytes", bytes)],
    ["Records since the start", one("outpost_journal_records_total", (value) => String(value))],
    ["Written to the disk since the start", one("outpost_disk_written_bytes_total", bytes)],
  ]);
  const update = state?.update ? updates(state.update) : null;
  const destinations = (found.get("outpost_uplink_connected") ?? []).map(({ labels, value }) => {
    const name = labels.destination;
    const held = one("outpost_uplink_held", (it) => it > 0, name);
    const [word, kind] = held ? ["held by budget or hours", "warn"] : value > 0 ? ["connected", ""] : ["no line", "warn"];
    return card(name, el("span", { class: `badge ${kind}`, text: word }), [
      ["Records that wait", one("outpost_uplink_backlog_records", (it) => String(it), name)],
      ["The oldest of them", one("outpost_uplink_oldest_seconds", (it) => (it > 0 ? `${span(it)} ago` : "–"), name)],
      ["Acknowledged up to record", one("outpost_uplink_acknowledged_seq", (it) => String(it), name)],
      ["Sent since the start", one("outpost_uplink_bytes_total", bytes, name)],
      ["Refused by it", one("outpost_uplink_quarantined_records_total", (it) => String(it), name)],
    ]);
  });
  byId("figures").replaceChildren(...[board, journal, update].filter((one) => one !== null), ...destinations);
  say(byId("no-cloud"), destinations.length === 0 ? "No [[cloud]] is configured: records stay on this board." : "");
}

function line({ kind, severity, at, text }) {
  const badge = severity === "alarm" ? "bad" : severity === "warning" ? "warn" : "plain";
  return el("li", { class: "card" },
    el("div", { class: "row spread" }, el("span", { class: `badge ${badge}`, text: kind }),
      el("time", { class: "when", datetime: at, text: moment(at) })),
    el("p", { text }));
}

const told = (one) => ({ ...one, kind: one.event });

/** Something that was said just now. */
export function said(event) {
  byId("events").prepend(line(event));
  while (byId("events").children.length > EVENTS_MAX) byId("events").lastChild.remove();
}

/** The newest of what was said, in the place of what is shown. */
export async function newest(fetched) {
  const { events } = await fetched("/page/events");
  oldest = events.at(-1)?.seq ?? null;
  byId("events").replaceChildren(...events.map((one) => line(told(one))));
}

/** What was said before that; gives how many. */
export async function older(fetched) {
  if (oldest === null) return 0;
  const { events } = await fetched(`/page/events?before=${oldest}`);
  oldest = events.at(-1)?.seq ?? oldest;
  byId("events").append(...events.map((one) => line(told(one))));
  return events.length;
}
