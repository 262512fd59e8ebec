// The story: decisions, newest first, each with what could have been done and who chose.

import { WHO, doing, el, moment, number, words } from "./parts.js";

const place = () => document.getElementById("decisions");
const known = new Map();
let oldest = null;
// A page may stay open for months; more are fetched again where somebody asks for older ones.
const CARDS_MAX = 500;

/** One that is known, by its id. */
export const find = (id) => known.get(id) ?? null;

/** A decision that was just made. */
export function add(decision) {
  if (known.has(decision.id)) return;
  known.set(decision.id, decision);
  // What is fetched and what is told may cross.
  let next = place().firstElementChild;
  while (next && known.get(next.dataset.decision).seq > decision.seq) next = next.nextElementSibling;
  place().insertBefore(card(decision), next);
  oldest = Math.min(oldest ?? decision.seq, decision.seq);
  while (place().children.length > CARDS_MAX) forget(place().lastElementChild);
}

function forget(node) {
  known.delete(node.dataset.decision);
  node.remove();
  oldest = known.get(place().lastElementChild.dataset.decision).seq;
}

/** Fetches what was decided while nobody told us. */
export async function newest(fetched) {
  // What is told while we fetch may lie behind the hole.
  const upto = Math.max(-1, ...[...known.values()].map((one) => one.seq));
  const { decisions } = await fetched("/page/decisions");
  if (decisions.length > 0 && decisions.every((one) => one.seq > upto)) {
    // More than one answer holds: a story with a hole in it would be a lie.
    for (const node of [...place().children]) {
      const { id, seq } = known.get(node.dataset.decision);
      if (seq > upto) continue;
      known.delete(id);
      node.remove();
    }
    oldest = null;
    for (const { seq } of known.values()) oldest = Math.min(oldest ?? seq, seq);
  }
  for (const decision of decisions) add(decision);
}

/** Fetches those before the oldest that is shown. */
export async function older(fetched) {
  const query = oldest === null ? "" : `?before=${oldest}`;
  const { decisions } = await fetched(`/page/decisions${query}`);
  for (const decision of decisions) {
    oldest = Math.min(oldest ?? decision.seq, decision.seq);
    if (known.has(decision.id)) continue;
    known.set(decision.id, decision);
    place().append(card(decision));
  }
  return decisions.length;
}

function card(decision) {
  const chosen = decision.candidates[decision.chosen];
  const guard = decision.guard === "passed" ? null
    : el("span", { class: `badge ${decision.guard.startsWith("waits") ? "warn" : "bad"}`, text: decision.guard });
  return el("article", { class: "card", "data-decision": decision.id },
    el("div", { class: "row spread" },
      el("span", { class: "row" },
        el("span", { class: `badge ${decision.by === "mind" ? "mind" : ""}`, text: WHO[decision.by] ?? decision.by }), guard),
      el("time", { class: "when", datetime: decision.at, text: moment(decision.at) })),
    el("h3", { text: doing(chosen?.set, chosen?.text) }),
    el("p", { class: "quiet", text: decision.cause }),
    more(decision));
}

function more(decision) {
  const rows = decision.candidates.map((one, index) => {
    const predicted = Object.entries(one.predicted).map(([name, value]) => `${words(name)} ${number(value)}`);
    return el("tr", { class: index === decision.chosen ? "chosen" : null },
      el("td", { text: doing(one.set, one.text) + (index === decision.chosen ? " ✓" : "") }),
      el("td", { text: predicted.join(", ") || "–" }),
      el("td", { class: "number", text: number(one.cost) }),
      el("td", { class: "number", text: number(one.utility) }),
      el("td", { class: "number", text: one.p === null ? "–" : `${Math.round(one.p * 100)} %` }));
  });
  const head = [["What", ""], ["Expected then", ""], ["Cost an hour", "number"], ["Utility", "number"], ["Mind", "number"]]
    .map(([text, kind]) => el("th", { scope: "col", class: kind || null, text }));
  const list = (title, texts) => (texts.length === 0 ? null
    : el("p", { class: "quiet" }, el("strong", { text: `${title}: ` }), texts.join(" · ")));
  const model = decision.model;
  const voice = model ? `${model.id}, adapter ${model.adapter}, ${model.remembered ? "remembered" : `${model.prompt_tokens} tokens`}, ${number(model.ms)} ms` : "was not asked";
  return el("details", {}, el("summary", { text: "Why, and what else could have been done" }),
    el("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Candidates" }, el("table", {}, el("thead", {}, el("tr", {}, ...head)), el("tbody", {}, ...rows))),
    list("Facts", decision.facts), list("Notes", decision.notes), list("Mind", [voice]),
    el("p", { class: "quiet", text: `outpost replay ${decision.id}` }));
}
