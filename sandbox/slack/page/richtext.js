// The `rich_text` block as document nodes.

import { h, link } from "./dom.js";
import { channelName, emoji, groupName, person, withEmoji } from "./names.js";

function styled(node, style = {}) {
  let result = typeof node === "string" ? withEmoji(node) : [node];
  if (style.code) result = h("code", {}, result);
  if (style.bold) result = h("strong", {}, result);
  if (style.italic) result = h("em", {}, result);
  if (style.strike) result = h("s", {}, result);
  return result;
}

const mention = (text) => h("span", { class: "mention" }, text);

function part(element) {
  switch (element.type) {
    case "text": return styled(element.text, element.style);
    case "link": return styled(link(element.url, element.text ?? element.url), element.style);
    case "emoji": return emoji(element.name);
    case "user": return mention(`@${person(element.user_id).name}`);
    case "usergroup": return mention(`@${groupName(element.usergroup_id)}`);
    case "channel": return mention(`#${channelName(element.channel_id)}`);
    case "broadcast": return mention(`@${element.range}`);
    case "date": return new Date(element.timestamp * 1000).toLocaleString();
    default: return element.text ?? "";
  }
}

const parts = (element) => (element.elements ?? []).map(part);

function draw(element) {
  switch (element.type) {
    case "rich_text_list":
      return h(element.style === "ordered" ? "ol" : "ul", {}, element.elements.map((item) => h("li", {}, parts(item))));
    case "rich_text_preformatted": return h("pre", {}, h("code", {}, parts(element)));
    case "rich_text_quote": return h("blockquote", {}, parts(element));
    default: return h("div", {}, parts(element));
  }
}

/** Render a rich text block. */
export function richText(block) {
  return h("div", { class: "text" }, (block.elements ?? []).map(draw));
}
