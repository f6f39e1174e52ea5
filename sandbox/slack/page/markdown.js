// The `markdown` block: ordinary Markdown as document nodes.

import { h, link } from "./dom.js";
import { emoji, withEmoji } from "./names.js";

const INLINE = /`([^`\n]+)`|\[([^\]\n]+)\]\(([^)\s]+)\)|\*\*(\S(?:[^\n]*?\S)?)\*\*|(?<![\w*])\*(\S(?:[^*\n]*\S)?)\*|(?<!\w)_(\S(?:[^_\n]*\S)?)_(?!\w)|~~([^~\n]+)~~|:([a-z0-9_+-]+):/g;

function inline(text) {
  const nodes = [];
  let end = 0;
  for (const match of text.matchAll(INLINE)) {
    nodes.push(...withEmoji(text.slice(end, match.index)));
    end = match.index + match[0].length;
    const [, code, label, url, bold, star, under, struck, name] = match;
    if (code !== undefined) nodes.push(h("code", {}, code));
    else if (label !== undefined) nodes.push(link(url, inline(label)));
    else if (bold !== undefined) nodes.push(h("strong", {}, inline(bold)));
    else if (star !== undefined) nodes.push(h("em", {}, inline(star)));
    else if (under !== undefined) nodes.push(h("em", {}, inline(under)));
    else if (struck !== undefined) nodes.push(h("s", {}, struck));
    else nodes.push(emoji(name));
  }
  nodes.push(...withEmoji(text.slice(end)));
  return nodes;
}

const cells = (row) => row.trim().replace(/^\||\|$/g, "").split("|").map((cell) => cell.trim());

const KINDS = [
  ["heading", /^#{1,6} +(.*)$/],
  ["bullet", /^\s*[-*+] +(.*)$/],
  ["number", /^\s*\d+[.)] +(.*)$/],
  ["quote", /^> ?(.*)$/],
  ["row", /^\s*\|(.*)\|\s*$/],
];

function kindOf(line) {
  for (const [kind, pattern] of KINDS) {
    const match = pattern.exec(line);
    if (match) return [kind, match[1]];
  }
  return line.trim() ? ["text", line] : ["blank", ""];
}

function build(kind, rows) {
  if (kind === "heading") return rows.map((row) => h("h4", { class: "md-heading" }, inline(row)));
  if (kind === "bullet") return [h("ul", {}, rows.map((row) => h("li", {}, inline(row))))];
  if (kind === "number") return [h("ol", {}, rows.map((row) => h("li", {}, inline(row))))];
  if (kind === "quote") return [h("blockquote", {}, inline(rows.join(" ")))];
  if (kind === "row") return [tableOf(rows)];
  if (kind === "text") return [h("p", {}, inline(rows.join(" ")))];
  return [];
}

function tableOf(rows) {
  const [head, ...body] = rows.map(cells).filter((row) => !row.every((cell) => /^:?-+:?$/.test(cell)));
  return h("div", { class: "table-scroll", tabIndex: 0 }, h("table", {},
    h("thead", {}, h("tr", {}, head.map((cell) => h("th", { scope: "col" }, inline(cell))))),
    h("tbody", {}, body.map((row) => h("tr", {}, row.map((cell) => h("td", {}, inline(cell))))))));
}

/** Render a Markdown text. */
export function markdown(text) {
  const nodes = [];
  String(text ?? "").split(/^```.*$/m).forEach((part, index) => {
    if (index % 2) {
      nodes.push(h("pre", {}, h("code", {}, part.replace(/^\n/, "").replace(/\n$/, ""))));
      return;
    }
    let current = "blank";
    let rows = [];
    for (const line of [...part.split("\n"), ""]) {
      const [kind, content] = kindOf(line);
      if (kind !== current) {
        nodes.push(...build(current, rows));
        [current, rows] = [kind, []];
      }
      rows.push(content);
    }
  });
  return nodes;
}
