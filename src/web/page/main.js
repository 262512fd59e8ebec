// The page: which view is shown, the stream of the running agent, commands, the past.

import * as board from "./board.js";
import * as devices from "./devices.js";
import { told as goal } from "./goal.js";
import * as now from "./now.js";
import * as rules from "./rules.js";
import * as story from "./story.js";
import { bounds, el, faulty, moment, number, say, svg, toast, trace, words } from "./parts.js";

const byId = (id) => document.getElementById(id);
const VIEWS = ["now", "story", "ask", "rules", "past", "devices", "board"];
const SPARKS_EVERY_MS = 300000;
const BOARD_EVERY_MS = 5000;
const ASKED_MAX = 60;
const asked = new Map();
// States that come before the answer that names their command: the agent takes it in milliseconds.
const early = new Map();
const EARLY_MAX = 16;
let state = null;
let isIn = false;
let stream = null;

// ---- asking the board ----

// The board reads its journal for two at a time: one page asks one thing after the other.
let turn = Promise.resolve();

function fetched(path, body) {
  if (body !== undefined) return answered(path, body);
  const mine = turn.then(() => answered(path));
  turn = mine.catch(() => {});
  return mine;
}

async function answered(path, body) {
  const how = body === undefined ? {} : { method: "POST", body: JSON.stringify(body), headers: { "Content-Type": "application/json" } };
  const answer = await fetch(path, how);
  if (answer.status === 401) {
    login();
    throw new Error("the board wants its token");
  }
  const text = await answer.text();
  const json = text ? JSON.parse(text) : {};
  if (!answer.ok) throw new Error(json.error?.message ?? `the board answers ${answer.status}`);
  return json;
}

/** Sends a command; of a form only what the board finds nothing wrong with. Gives whether it went. */
async function command(kind, what, form = null) {
  try {
    if (form && what.put !== undefined) {
      const { faults } = await fetched("/page/check", { kind, put: what.put });
      faulty(form, faults);
      if (faults.length > 0) return false;
    }
    const { id } = await fetched("/page/command", { kind, what });
    const words = el("span", { text: sentence(kind, what) });
    const end = el("span", { class: "badge plain", text: "sent" });
    const reason = el("p", { class: "quiet" });
    asked.set(`${kind}/${id}`, { end, reason, what: sentence(kind, what) });
    byId("asked").prepend(el("li", { class: "card" }, el("div", { class: "row spread" }, words, end), reason));
    if (asked.size > ASKED_MAX) {
      asked.delete(asked.keys().next().value);
      byId("asked").lastElementChild.remove();
    }
    const before = early.get(`${kind}/${id}`);
    if (before) told(before);
    return true;
  } catch (error) {
    toast(String(error.message));
    return false;
  }
}

function sentence(kind, what) {
  if (kind === "ask") return what.text;
  if (kind === "set") return `${words(what.actuator)} ${what.value}`;
  if (kind === "mode") return `mode ${what.mode}`;
  if (kind === "goal") return goal(what);
  if (kind === "rule") return what.remove === undefined ? `the rule ${what.put.name}` : `forget the rule ${what.remove}`;
  if (kind === "note") return what.remove === undefined ? `note: ${what.put}` : `forget the note: ${what.remove}`;
  return `${kind} ${Object.values(what).join(" ")}`;
}

// ---- the stream ----

function listen() {
  stream?.close();
  stream = new EventSource("/page/stream");
  stream.addEventListener("state", (event) => {
    const isFirst = state === null;
    state = JSON.parse(event.data);
    byId("lost").hidden = true;
    draw();
    // Which sensors there are is known now.
    if (isFirst) {
      view();
      sparks();
    }
  });
  stream.addEventListener("news", (event) => news(JSON.parse(event.data)));
  // What was decided before the stream began, or while it was broken or we were slow, is fetched.
  const caughtUp = () => {
    story.newest(fetched).catch(() => {});
    if (!byId("board").hidden) board.newest(fetched).catch(() => {});
  };
  stream.addEventListener("open", caughtUp);
  stream.addEventListener("missed", caughtUp);
  stream.addEventListener("error", () => {
    // Turned away is not lost: then the page asks who is there.
    byId("lost").hidden = state === null && stream.readyState === EventSource.CLOSED;
    // The browser tries again by itself, but not where it was turned away.
    if (stream.readyState === EventSource.CLOSED) setTimeout(enter, 3000);
  });
}

function news(line) {
  if (line.decision) story.add(line.decision);
  if (line.event) board.said(line.event);
  if (line.command) told(line.command);
  if (["rule", "note"].includes(line.command?.kind) && line.command.state === "succeeded") wishes();
}

function told(command) {
  const { kind, id, state: word, reason } = command;
  const known = asked.get(`${kind}/${id}`);
  if (!known) {
    early.set(`${kind}/${id}`, command);
    if (early.size > EARLY_MAX) early.delete(early.keys().next().value);
    return;
  }
  say(known.end, word);
  known.end.className = `badge ${word === "succeeded" ? "" : ["rejected", "failed", "expired"].includes(word) ? "bad" : "plain"}`;
  say(known.reason, reason);
  if (!["accepted", "executing"].includes(word)) toast(`${known.what}: ${word}${reason ? `, ${reason}` : ""}`);
}

function draw() {
  say(byId("device"), words(state.device).replaceAll("-", " "));
  document.title = `${state.approvals.length > 0 ? `(${state.approvals.length}) ` : ""}${state.device} · Outpost`;
  const pills = [
    [`mode ${state.mode}`, state.mode === "act" ? "" : "warn"],
    [state.bus ? "bus connected" : "no bus", state.bus ? "" : "bad"],
    [`mind ${state.mind.word}`, { ready: "", off: "warn", loading: "warn" }[state.mind.word] ?? "bad"],
    [`clock ${state.clock}`, state.clock === "synced" ? "" : "warn"],
  ];
  if (state.effort !== "full") pills.push([`board ${state.effort}`, "warn"]);
  const shown = JSON.stringify(pills);
  if (byId("pills").dataset.shown !== shown) {
    byId("pills").dataset.shown = shown;
    byId("pills").replaceChildren(...pills.map(([text, kind]) => el("li", { class: `pill ${kind}`, text })));
  }
  const mode = byId("mode");
  if (mode.dataset.shown !== state.mode) {
    mode.dataset.shown = state.mode;
    mode.value = state.mode;
  }
  now.show(state);
}

// ---- the past ----

async function sparks() {
  try {
    now.past((await fetched("/page/history?hours=24")).series);
  } catch {
    // The next time, then.
  }
}

async function past() {
  const fault = byId("past-fault");
  try {
    const { from_ms, until_ms, series } = await fetched(`/page/history?hours=${byId("hours").value}`);
    say(fault, "");
    const sensors = state?.sensors ?? [];
    const charts = sensors.filter((one) => series[one.name]?.some((value) => value !== null)).map((one) => chart(one, series[one.name], from_ms, until_ms));
    byId("charts").replaceChildren(...charts);
    if (charts.length === 0) say(fault, "There is nothing in the journal of this time yet.");
  } catch (error) {
    say(fault, String(error.message));
  }
}

function chart(sensor, series, from_ms, until_ms) {
  const [low, high] = bounds(series, sensor.band);
  const height = 130;
  const y = (value) => height - ((value - low) / (high - low)) * height;
  const band = sensor.band;
  const top = band ? y(band.max ?? high) : 0;
  const parts = band
    ? [svg("rect", { class: "wanted", x: 0, width: 100, y: top, height: Math.max(y(band.min ?? low) - top, 0.5) })] : [];
  for (const part of [0.25, 0.5, 0.75]) {
    parts.push(svg("line", { class: "grid-line", x1: 0, x2: 100, y1: part * height, y2: part * height }));
  }
  const unit = sensor.unit ? ` ${sensor.unit}` : "";
  const known = series.filter((value) => value !== null);
  return el("article", { class: "card" },
    el("div", { class: "row spread" }, el("h3", { text: words(sensor.name) }),
      el("span", { class: "when", text: `${number(Math.min(...known))} to ${number(Math.max(...known))}${unit}` })),
    svg("svg", { class: "chart", viewBox: `0 0 100 ${height}`, preserveAspectRatio: "none", role: "img",
      "aria-label": `${words(sensor.name)} from ${moment(from_ms)} to ${moment(until_ms)}` },
    ...parts, trace(series, [low, high], height)),
    el("div", { class: "axis" }, el("span", { text: moment(from_ms) }), el("span", { text: moment(until_ms) })));
}

// ---- the board ----

async function figures() {
  try {
    const answer = await fetch("/metrics");
    if (!answer.ok) throw new Error(`the board answers ${answer.status}`);
    board.figures(await answer.text(), state);
    say(byId("board-fault"), "");
  } catch (error) {
    say(byId("board-fault"), String(error.message));
  }
}

// ---- devices that announce themselves ----

async function announced(work) {
  try {
    await work(fetched);
    say(byId("devices-fault"), "");
  } catch (error) {
    say(byId("search-said"), "");
    say(byId("devices-fault"), String(error.message));
  }
}

// ---- rules and notes ----

async function wishes() {
  if (byId("rules").hidden || !state) return;
  try {
    rules.show(await fetched("/page/wishes"), state.actuators);
    say(byId("rules-fault"), "");
  } catch (error) {
    say(byId("rules-fault"), String(error.message));
  }
}

// ---- views ----

function view() {
  const wanted = location.hash.slice(1);
  const shown = VIEWS.includes(wanted) ? wanted : "now";
  for (const name of VIEWS) byId(name).hidden = !isIn || name !== shown;
  for (const link of document.querySelectorAll("nav a")) {
    if (link.hash === `#${shown}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  if (isIn && state && shown === "past") past();
  if (isIn && shown === "rules") wishes();
  if (isIn && shown === "devices") announced(devices.show);
  if (isIn && shown === "board") {
    figures();
    board.newest(fetched).catch((error) => say(byId("board-fault"), String(error.message)));
  }
}

function login() {
  isIn = false;
  view();
  byId("login").hidden = false;
  byId("token").focus();
}

/** What this page may do: what it may not is not offered. The board says no in any case. */
async function as() {
  try {
    const { role } = await fetched("/page/role");
    document.documentElement.dataset.role = role;
    say(byId("role"), { look: "This token may look. Orders and changes take another.", operate: "This token may operate. Rules and notes take another." }[role] ?? "");
  } catch (error) {
    toast(String(error.message));
  }
}

async function enter() {
  try {
    await story.newest(fetched);
  } catch (error) {
    if (!byId("login").hidden) return;
    toast(String(error.message));
  }
  await as();
  isIn = true;
  byId("login").hidden = true;
  view();
  listen();
}

byId("login-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const answer = await fetch("/page/login", { method: "POST", headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ token: byId("token").value }) });
  byId("token").value = "";
  say(byId("login-fault"), answer.ok ? "" : "That is not the token.");
  if (answer.ok) {
    byId("login").hidden = true;
    enter();
  }
});
byId("ask-form").addEventListener("submit", (event) => {
  event.preventDefault();
  command("ask", { text: byId("words").value });
  byId("words").value = "";
});
byId("mode-form").addEventListener("submit", (event) => {
  event.preventDefault();
  command("mode", { mode: byId("mode").value });
});
byId("older").addEventListener("click", async () => {
  try {
    byId("older").disabled = (await story.older(fetched)) === 0;
  } catch (error) {
    toast(String(error.message));
  }
});
byId("older-events").addEventListener("click", async () => {
  try {
    byId("older-events").disabled = (await board.older(fetched)) === 0;
  } catch (error) {
    toast(String(error.message));
  }
});
byId("search").addEventListener("click", async () => {
  byId("search").disabled = true;
  await announced(devices.search);
  byId("search").disabled = false;
});
byId("hours").addEventListener("change", past);
window.addEventListener("hashchange", view);
setInterval(() => { if (isIn) sparks(); }, SPARKS_EVERY_MS);
setInterval(() => {
  if (isIn && !byId("board").hidden) figures();
  if (isIn && !byId("devices").hidden) announced(devices.show);
}, BOARD_EVERY_MS);
now.start(command, story.find);
rules.start(command);
enter();
