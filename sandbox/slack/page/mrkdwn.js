// Slack's mrkdwn as document nodes. Never innerHTML: what the text says is shown, not run.

import { h, link } from "./dom.js";
import { channelName, emoji, emojiText, groupName, person, withEmoji } from "./names.js";

const INLINE = /<([^<>\n]+)>|`([^`\n]+)`|:([a-z0-9_+'-]+(?:::skin-tone-\d)?):|(?<![\w*])\*(\S(?:[^*\n]*\S)?)\*(?![\w*])|(?<![\w_])_(\S(?:[^_\n]*\S)?)_(?![\w_])|(?<![\w~])~(\S(?:[^~\n]*\S)?)~(?![\w~])/g;

/** Undo Slack's three escapes. */
export function plain(text) {
  return text.replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&amp;", "&");
}

/** Everything of a mrkdwn text: code blocks, quotes, lines, styles, links, mentions. */
export function mrkdwn(text) {
  const nodes = [];
  String(text ?? "").split(/```/).forEach((part, index) => {
    if (index % 2) nodes.push(h("pre", {}, h("code", {}, plain(part.replace(/^\n/, "").replace(/\n$/, "")))));
    else nodes.push(...lines(part));
  });
  return nodes;
}

/** A text object of Block Kit. */
export function textObject(object) {
  if (!object) return [];
  return object.type === "mrkdwn" ? mrkdwn(object.text) : plainText(object.text, object.emoji !== false);
}

/** Plain text as nodes: only emoji are special. */
export function plainText(text, names = true) {
  const shown = plain(String(text ?? ""));
  return withEmoji(names ? shown.replace(/:([a-z0-9_+-]+):/g, (_, name) => emojiText(name)) : shown);
}

/** Plain text as a string, for labels and options. */
export function plainString(text) {
  return plain(String(text ?? "")).replace(/:([a-z0-9_+-]+):/g, (_, name) => emojiText(name));
}

function lines(part) {
  const nodes = [];
  let quote = [];
  const endQuote = () => {
    if (quote.length) nodes.push(h("blockquote", {}, quote));
    quote = [];
  };
  const all = part.split("\n");
  all.forEach((line, index) => {
    const quoted = /^(?:&gt;|>) ?(.*)$/.exec(line);
    if (quoted) {
      if (quote.length) quote.push(h("br"));
      quote.push(...inline(quoted[1]));
      return;
    }
    endQuote();
    nodes.push(...inline(line));
    if (index < all.length - 1) nodes.push(h("br"));
  });
  endQuote();
  return nodes;
}

function inline(text) {
  const nodes = [];
  let end = 0;
  for (const match of text.matchAll(INLINE)) {
    nodes.push(...withEmoji(plain(text.slice(end, match.index))));
    end = match.index + match[0].length;
    const [, angle, code, emojiName, bold, italic, struck] = match;
    if (angle !== undefined) nodes.push(reference(angle));
    else if (code !== undefined) nodes.push(h("code", {}, plain(code)));
    else if (emojiName !== undefined) nodes.push(emoji(emojiName));
    else if (bold !== undefined) nodes.push(h("strong", {}, inline(bold)));
    else if (italic !== undefined) nodes.push(h("em", {}, inline(italic)));
    else nodes.push(h("s", {}, inline(struck)));
  }
  nodes.push(...withEmoji(plain(text.slice(end))));
  return nodes;
}

/** What stands between < and >: a mention, a channel, a date or a link. */
function reference(inside) {
  const [target, ...rest] = inside.split("|");
  const label = plain(rest.join("|"));
  if (target.startsWith("@")) return mention(person(target.slice(1)).name);
  if (target.startsWith("#")) return h("span", { class: "mention" }, `#${label || channelName(target.slice(1))}`);
  if (target.startsWith("!subteam^")) return mention(groupName(target.slice(9)));
  if (target.startsWith("!date^")) return date(target, label);
  if (target.startsWith("!")) return mention(target.slice(1));
  return link(plain(target), label || plain(target));
}

const mention = (name) => h("span", { class: "mention" }, `@${name}`);

const SHORT = { year: "numeric", month: "short", day: "numeric" };
const LONG = { weekday: "long", year: "numeric", month: "long", day: "numeric" };
const TOKENS = {
  date_num: (m) => m.toISOString().slice(0, 10),
  date: (m) => m.toLocaleDateString("en-US", { ...SHORT, month: "long" }),
  date_short: (m) => m.toLocaleDateString("en-US", SHORT),
  date_long: (m) => m.toLocaleDateString("en-US", LONG),
  time: (m) => m.toLocaleTimeString("en-US", { hour: "numeric", minute: "2-digit" }),
  time_secs: (m) => m.toLocaleTimeString("en-US", { hour: "numeric", minute: "2-digit", second: "2-digit" }),
};

/** A day in words where it is near, as the `_pretty` tokens say it. */
function near(moment) {
  const day = (time) => Math.floor((time.getTime() - time.getTimezoneOffset() * 60_000) / 86_400_000);
  return { "-1": "yesterday", 0: "today", 1: "tomorrow" }[day(moment) - day(new Date())];
}

function date(target, fallback) {
  const [, seconds, format] = target.split("^");
  const moment = new Date(Number(seconds) * 1000);
  if (Number.isNaN(moment.getTime())) return fallback;
  const shown = (format ?? "").replace(/\{(\w+?)(_pretty)?\}/g, (whole, token, pretty) =>
    (pretty && near(moment)) || TOKENS[token]?.(moment) || whole);
  return h("time", { dateTime: moment.toISOString(), title: fallback }, shown);
}
