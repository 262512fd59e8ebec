// Devices that announce themselves: how those in use stand to what they announce, and what a search
// proposes. What is proposed is text for the configuration; nothing is taken into use from here.

import { el, say, words } from "./parts.js";

const byId = (id) => document.getElementById(id);
const STANDING = {
  unheard: ["not heard yet", "plain"], as_accepted: ["as accepted", ""], changed: ["announced otherwise", "bad"],
  gone: ["no longer announced", "warn"], away: ["away", "warn"],
};

function line({ name, announced, standing, text }) {
  const [word, kind] = STANDING[standing] ?? [standing, "plain"];
  return el("li", { class: "card" },
    el("div", { class: "row spread" }, el("h3", { text: words(name) }), el("span", { class: `badge ${kind}`, text: word })),
    el("p", { class: "quiet", text: announced }),
    text ? el("p", { class: "fault", text: `${text}. It is used as it was accepted, until the configuration is changed.` }) : null);
}

/** Shows those in use; what stands otherwise comes first. */
export async function show(fetched) {
  const { accepted } = await fetched("/page/devices");
  const rank = (one) => ["changed", "gone", "away", "unheard", "as_accepted"].indexOf(one.standing);
  const all = accepted.sort((a, b) => rank(a) - rank(b));
  byId("accepted").replaceChildren(...all.map(line));
  say(byId("no-accepted"), all.length === 0 ? "Nothing in the configuration was accepted from an announcement." : "");
}

/** Searches the bus and shows what it proposes. */
export async function search(fetched) {
  say(byId("search-said"), "Listening…");
  const found = await fetched("/page/devices", {});
  byId("proposals").hidden = false;
  byId("proposals").value = found.toml;
  say(byId("search-said"), `${found.announcements} announcements: ${found.sensors} sensors and ${found.actuators} actuators that the configuration does not have.`);
}
