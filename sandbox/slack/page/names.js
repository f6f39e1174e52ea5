// Who and what ids stand for.

import { h } from "./dom.js";
import { icon } from "./icons.js";

const PEOPLE = new Map();
const CHANNELS = new Map();
const GROUPS = new Map();

const COLOURS = 8;
const EMOJI = {
  "+1": "👍", "-1": "👎", thumbsup: "👍", thumbsdown: "👎", eyes: "👀", tada: "🎉", rocket: "🚀",
  white_check_mark: "✅", heavy_check_mark: "✔️", x: "❌", warning: "⚠️", rotating_light: "🚨", fire: "🔥",
  hourglass: "⌛", hourglass_flowing_sand: "⏳", lock: "🔒", unlock: "🔓", key: "🔑", bell: "🔔",
  no_bell: "🔕", mag: "🔍", mag_right: "🔎", information_source: "ℹ️", question: "❓", exclamation: "❗",
  no_entry: "⛔", no_entry_sign: "🚫", octagonal_sign: "🛑", arrow_right: "➡️", arrow_left: "⬅️",
  arrow_up: "⬆️", arrow_down: "⬇️", rewind: "⏪", leftwards_arrow_with_hook: "↩️", repeat: "🔁",
  arrows_counterclockwise: "🔄", red_circle: "🔴", large_green_circle: "🟢", large_yellow_circle: "🟡",
  large_orange_circle: "🟠", large_blue_circle: "🔵", white_circle: "⚪", black_circle: "⚫",
  package: "📦", floppy_disk: "💾", chart_with_upwards_trend: "📈", chart_with_downwards_trend: "📉",
  bar_chart: "📊", memo: "📝", scroll: "📜", link: "🔗", gear: "⚙️", wrench: "🔧", hammer_and_wrench: "🛠️",
  shield: "🛡️", clock1: "🕐", stopwatch: "⏱️", calendar: "📅", point_right: "👉", point_up: "☝️", wave: "👋",
  robot_face: "🤖", ghost: "👻", skull: "💀", heart: "❤️", smile: "😄", thinking_face: "🤔", ok_hand: "👌",
  pray: "🙏", clap: "👏", sparkles: "✨", zap: "⚡", snowflake: "❄️", ice_cube: "🧊", recycle: "♻️",
  ok: "🆗", new: "🆕", up: "🆙", sos: "🆘", stop_sign: "🛑", heavy_minus_sign: "➖", heavy_plus_sign: "➕",
};

const BY_CHARACTER = new Map(Object.entries(EMOJI).reverse().map(([name, character]) => [character, name]));
const CHARACTERS = new RegExp(`(${[...BY_CHARACTER.keys()].sort((a, b) => b.length - a.length).join("|")})`, "u");

export const QUICK_REACTIONS = ["eyes", "white_check_mark", "tada"];

/** Learn the names of a workspace. */
export function learn(state) {
  PEOPLE.clear();
  GROUPS.clear();
  for (const person of state.people) PEOPLE.set(person.id, person);
  for (const group of state.groups) GROUPS.set(group.id, group);
  learnChannels(state.channels);
}

export function learnChannels(channels) {
  for (const channel of channels) CHANNELS.set(channel.id, channel);
}

export const person = (id) => PEOPLE.get(id) ?? { id, name: id, real_name: id, role: "" };
export const people = () => [...PEOPLE.values()];
export const channelName = (id) => CHANNELS.get(id)?.name ?? id;
export const channels = () => [...CHANNELS.values()];
export const groupName = (id) => GROUPS.get(id)?.handle ?? id;
const bare = (name) => name.replace(/::skin-tone-\d$/, "");

/** An emoji as text, for places that hold only text. */
export const emojiText = (name) => EMOJI[bare(name)] ?? `:${name}:`;

/** An emoji as a node: drawn, or a character of the system's font. */
export function emoji(name) {
  const label = bare(name).replaceAll("_", " ");
  const drawn = icon(bare(name));
  if (!drawn && !EMOJI[bare(name)]) return `:${name}:`;
  return h("span", { class: "emoji", role: "img", title: `:${bare(name)}:`, aria: { label } }, drawn ?? EMOJI[bare(name)]);
}

/** Text with emoji characters exchanged for their nodes. */
export function withEmoji(text) {
  return text.split(CHARACTERS).map((part) => (BY_CHARACTER.has(part) ? emoji(BY_CHARACTER.get(part)) : part));
}

/** Two letters for somebody without a picture. */
export function initials(user) {
  const words = user.real_name.split(/\s+/).filter(Boolean);
  return words.slice(0, 2).map((word) => word[0].toUpperCase()).join("");
}

/** The same colour for the same name, always. */
export function colour(user) {
  let sum = 0;
  for (const letter of user.name) sum = (sum * 31 + letter.codePointAt(0)) % 9973;
  return sum % COLOURS;
}
