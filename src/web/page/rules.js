// Rules and notes, changed where they stand; preferences and interlocks to look at. What is sent is
// the command `rule` or `note`. Interlocks have no form: nobody changes one from here.

import { doing, el, field, line, otherwise, words } from "./parts.js";

const byId = (id) => document.getElementById(id);
let command = () => {};
let devices = [];
let shown = "";

/** `send` sends a command. */
export function start(send) {
  command = send;
}

/** Brings the view up to date. A form that somebody is in stays until something was changed. */
export function show(wishes, actuators) {
  devices = actuators;
  const now = JSON.stringify(wishes);
  if (now === shown) return;
  shown = now;
  const all = (place, list, make, empty) => {
    const none = () => el(byId(place).tagName === "UL" ? "li" : "p", { class: "quiet", text: empty });
    byId(place).replaceChildren(...(list.length > 0 ? list.map(make) : [none()]));
  };
  all("rule-list", wishes.rules, rule, "There is no rule.");
  byId("rule-list").append(...wishes.gone.rules.map((one) => gone("rule", el("h3", { text: one.name }), one)));
  all("note-list", wishes.notes, note, "There is no note.");
  byId("note-list").append(...wishes.gone.notes.map((text) => gone("note", el("p", { text }), text)));
  all("preference-list", wishes.preferences, (one) => el("li", { class: "card", text: preferred(one) }), "There is no preference.");
  all("interlock-list", wishes.interlocks, (one) => el("li", { class: "card" },
    el("h3", { text: one.name }), el("p", { class: "code", text: one.forbid })), "There is no interlock.");
  byId("new-rule").replaceChildren(el("details", { class: "card" }, el("summary", { text: "A new rule" }),
    ruleForm({ name: "", when: "", set: {} }, "Set this rule")));
  byId("new-note").replaceChildren(el("details", { class: "card" }, el("summary", { text: "A new note" }),
    noteForm("", "Keep this note")));
}

function preferred({ prefer, over, avoid, when }) {
  const what = avoid ? `avoid ${words(avoid)}` : `${words(prefer)} rather than ${words(over)}`;
  return when ? `${what}, when ${when}` : what;
}

const origin = (ofFile) => (ofFile ? null : el("span", { class: "badge warn", text: "changed here" }));

/** Puts back what the file says. */
const asInFile = (kind, put) => el("button", { type: "button", class: "back", text: "As in the file",
  on: { click: () => command(kind, { put }) } });

/** Something of the file that is not in force here. */
function gone(kind, what, put) {
  return el("article", { class: "card quiet" },
    el("div", { class: "row spread" }, what, el("span", { class: "badge warn", text: "of the file, not in force" })),
    el("div", { class: "row" }, asInFile(kind, put)));
}

function rule(one) {
  return el("article", { class: "card" },
    el("div", { class: "row spread" }, el("h3", { text: one.name }), origin(one.of_file)),
    el("p", { class: "quiet", text: "When" }), el("p", { class: "code", text: one.when }),
    el("p", { class: "quiet", text: `set ${doing(one.set)}` }),
    one.file ? el("div", { class: "row" }, asInFile("rule", one.file)) : null,
    el("details", {}, el("summary", { text: "Change", "aria-label": `change the rule ${one.name}` }), ruleForm(one, "Keep it so")));
}

/** The form of a rule; a new one has no name yet. */
function ruleForm(one, done) {
  const isNew = one.name === "";
  const name = field("text", "name", one.name, { required: true, maxlength: 120, placeholder: "fire" });
  const when = el("textarea", { "aria-label": "when", class: "code", required: true, spellcheck: false, placeholder: "smoke > 0.2" });
  when.value = one.when;
  const set = new Setting(one.set);
  const submit = (event) => sent(event, "rule",
    { put: { name: isNew ? name.value.trim() : one.name, when: when.value.trim(), set: set.read() } });
  return el("form", { class: "fields", on: { submit } }, isNew ? line("Name", name, null, "name") : null,
    line("When", when, null, "when"), set.node, otherwise(),
    el("div", { class: "row" }, el("button", { type: "submit", text: done }),
      isNew ? null : forget(() => command("rule", { remove: one.name }))));
}

/** What a rule sets: a line for each device. */
class Setting {
  constructor(set) {
    this.lines = el("div", { class: "fields" });
    this.node = el("fieldset", { class: "fields" }, el("legend", { text: "Set" }), this.lines,
      el("span", { class: "fault", role: "alert", "data-fault": "set" }),
      el("div", { class: "row" }, el("button", { type: "button", text: "One more device", on: { click: () => this.add() } })));
    const entries = Object.entries(set);
    for (const [device, value] of entries) this.add(device, value);
    if (entries.length === 0) this.add();
  }

  add(device, value) {
    const which = el("select", { "aria-label": "device" }, ...devices.map((one) => el("option", { value: one.name, text: words(one.name) })));
    if (device !== undefined) which.value = device;
    const place = el("span", { class: "row" });
    const again = (now) => place.replaceChildren(valued(devices.find((one) => one.name === which.value), now));
    which.addEventListener("change", () => again());
    again(value);
    const row = el("div", { class: "row" }, which, place,
      el("button", { type: "button", class: "no", text: "Leave out", on: { click: () => row.remove() } }));
    this.lines.append(row);
  }

  read() {
    const pairs = [...this.lines.children].map((row) => {
      const [device, value] = row.querySelectorAll("select, input");
      return [device.value, value.type === "number" && value.value.trim() !== "" ? Number(value.value) : value.value];
    });
    return Object.fromEntries(pairs);
  }
}

/** The field of what a device can be set to. */
function valued(device, value) {
  if (device?.kind.word === "level") {
    const { min, max, step } = device.kind;
    return field("number", "to", value ?? min, { min, max, placeholder: `${min} to ${max} in steps of ${step}` });
  }
  const options = device?.kind.options ?? ["on", "off"];
  const select = el("select", { "aria-label": "to" }, ...options.map((text) => el("option", { value: text, text })));
  if (value !== undefined) select.value = value;
  return select;
}

function note(one) {
  return el("article", { class: "card" },
    el("div", { class: "row spread" }, el("p", { text: one.text }), origin(one.of_file)),
    el("details", {}, el("summary", { text: "Change", "aria-label": `change the note ${one.text}` }), noteForm(one.text, "Keep it so")));
}

/** The form of a note; a new one has no words yet. */
function noteForm(old, done) {
  const text = el("textarea", { "aria-label": "the note", required: true, maxlength: 400, placeholder: "At night prefer the vent to the fan, it is quiet." });
  text.value = old;
  const submit = (event) => {
    const put = text.value.trim();
    sent(event, "note", old ? { put, instead_of: old } : { put });
  };
  return el("form", { class: "fields", on: { submit } }, line("In your own words", text, null, "text"), otherwise(),
    el("div", { class: "row" }, el("button", { type: "submit", text: done }),
      old ? forget(() => command("note", { remove: old })) : null));
}

/** Sends what a form says; it closes where nothing was wrong with it. */
async function sent(event, kind, what) {
  event.preventDefault();
  const form = event.target;
  if (await command(kind, what, form)) form.closest("details").open = false;
}

/** Two presses: what is gone has to be typed again. */
function forget(send) {
  let sure = false;
  const button = el("button", { type: "button", class: "no", text: "Forget it", on: { click: () => {
    if (sure) send();
    sure = true;
    button.textContent = "Really forget it";
  } } });
  return button;
}
