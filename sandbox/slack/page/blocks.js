// Block Kit as document nodes.

import { h, safeUrl, uid } from "./dom.js";
import { action, input } from "./elements.js";
import { icon } from "./icons.js";
import { markdown } from "./markdown.js";
import { mrkdwn, plainString, plainText, textObject } from "./mrkdwn.js";
import { richText } from "./richtext.js";

const HERE = location.origin;

/**
 * Render blocks. `context` says what happens: `use(block, element, value)` when something is
 * used, and for modals `inputs` (filled with readers), `state` and `errors`.
 */
export function renderBlocks(blocks, context) {
  return (blocks ?? []).map((block) => render(block, context));
}

function render(block, context) {
  const draw = DRAW[block.type];
  if (!draw) return h("p", { class: "unknown" }, `[a ${block.type} block, which this page cannot show]`);
  return h("div", { class: `block block-${block.type}` }, draw(block, context));
}

function using(block, context) {
  return (element, value) => context.use(block, element, value);
}

function stateOf(block, element, context) {
  return context.state?.[block.block_id]?.[element.action_id];
}

function used(block, element, context, name) {
  if (element.type === "image") return picture(element, "thumb");
  return action(element, using(block, context), stateOf(block, element, context), name);
}

function section(block, context) {
  const name = block.text ? plainString(block.text.text) : undefined;
  return [
    h("div", { class: "section-body" },
      block.text ? h("div", { class: "text" }, textObject(block.text)) : null,
      block.fields ? h("div", { class: "fields" }, block.fields.map((f) => h("div", { class: "text" }, textObject(f)))) : null),
    block.accessory ? h("div", { class: "accessory" }, used(block, block.accessory, context, name)) : null,
  ];
}

const header = (block) => h("h3", {}, textObject(block.text));

function contextBlock(block) {
  return block.elements.map((element) =>
    (element.type === "image" ? picture(element, "tiny") : h("span", {}, textObject(element))));
}

function actions(block, context) {
  return h("div", { class: "actions" }, block.elements.map((element) => used(block, element, context)));
}

/** An image of this server is shown; one from elsewhere is only linked: the page fetches nothing outside. */
function picture(image, size) {
  const file = image.slack_file;
  const source = file ? `/sandbox/files/${encodeURIComponent(file.id ?? fileId(file.url))}/image` : image.image_url;
  const href = safeUrl(source);
  if (!href) return h("span", {}, image.alt_text);
  if (!href.startsWith(`${HERE}/`)) {
    return h("a", { href, target: "_blank", rel: "noopener noreferrer" }, icon("ui-image"), ` ${image.alt_text || "image"}`);
  }
  return h("img", { class: `image-${size}`, src: href, alt: image.alt_text ?? "" });
}

const fileId = (url) => /\/files-pri\/([^/]+)\//.exec(url ?? "")?.[1] ?? "none";

function image(block) {
  return h("figure", {},
    block.title ? h("figcaption", {}, textObject(block.title)) : null, picture(block, "full"));
}

function cell(content, tag, align) {
  const shown = content.type === "rich_text" ? richText(content) : plainText(content.text ?? String(content.value ?? ""));
  const number = content.type === "raw_number" ? "right" : undefined;
  const place = align ?? number;
  return h(tag, { scope: tag === "th" ? "col" : undefined, class: place ? `align-${place}` : undefined }, shown);
}

function table(block) {
  const [head, ...body] = block.rows;
  const align = (index) => block.column_settings?.[index]?.align;
  const row = (cells, tag) => h("tr", {}, cells.map((c, index) => cell(c, tag, align(index))));
  return h("div", { class: "table-scroll", tabIndex: 0, role: "region", aria: { label: block.caption ?? "Table" } },
    h("table", {},
      block.caption ? h("caption", {}, block.caption) : null,
      h("thead", {}, row(head, "th")),
      h("tbody", {}, body.map((cells) => row(cells, "td")))));
}

const MARKS = { pending: "○", in_progress: "◐", complete: "●", error: "✕" };

function taskCard(task) {
  const status = task.status ?? "pending";
  return h("div", { class: `task task-${status}` },
    h("span", { class: "task-mark", aria: { hidden: true } }, MARKS[status]),
    h("div", {}, h("strong", {}, task.title), h("span", { class: "task-status" }, ` ${status.replace("_", " ")}`),
      task.details ? richText(task.details) : null, task.output ? richText(task.output) : null));
}

function plan(block) {
  return [h("h3", {}, plainText(block.title)), ...(block.tasks ?? []).map(taskCard)];
}

function container(block, context) {
  const inside = renderBlocks(block.child_blocks, context);
  const title = block.title ? textObject(block.title) : ["Details"];
  if (!block.is_collapsible) return [h("h3", {}, title), ...inside];
  return h("details", { open: !block.is_collapsed }, h("summary", {}, title), inside);
}

function alertBlock(block) {
  return h("p", { class: `alert alert-${block.level ?? "default"}`, role: "note" }, textObject(block.text));
}

/** An input block: label, element, hint and what is wrong, tied together for screen readers. */
function inputBlock(block, context) {
  const id = uid("input");
  const error = context.errors?.[block.block_id];
  const hint = block.hint ? h("small", { class: "hint", id: `${id}-hint` }, textObject(block.hint)) : null;
  const complaint = error ? h("p", { class: "field-error", id: `${id}-error` }, plainText(error)) : null;
  const described = [hint?.id, complaint?.id].filter(Boolean).join(" ") || undefined;
  const aria = { describedby: described, invalid: error ? "true" : undefined, labelledby: `${id}-label`, required: block.optional ? undefined : "true" };
  const made = input(block.element, stateOf(block, block.element, context), { id, aria, optional: block.optional });
  context.inputs?.push({ block, element: block.element, read: made.read, focus: made.focus, error });
  if (block.dispatch_action) {
    made.node.addEventListener("change", () => context.use(block, block.element, made.read()));
  }
  const label = h("label", { id: `${id}-label`, htmlFor: id, class: "label" }, textObject(block.label),
    block.optional ? h("span", { class: "optional" }, " (optional)") : null);
  return [label, made.node, hint, complaint];
}

const DRAW = {
  actions,
  alert: alertBlock,
  container,
  context: contextBlock,
  context_actions: actions,
  data_table: table,
  divider: () => h("hr"),
  header,
  image,
  input: inputBlock,
  markdown: (block) => h("div", { class: "text" }, markdown(block.text)),
  plan,
  rich_text: (block) => richText(block),
  section,
  table,
  task_card: taskCard,
};

/** An attachment: a coloured bar beside blocks or old-style text. */
export function renderAttachment(attachment, context) {
  const node = h("div", { class: "attachment" },
    attachment.pretext ? h("div", { class: "text" }, mrkdwn(attachment.pretext)) : null,
    attachment.title ? h("strong", {}, plainText(attachment.title)) : null,
    attachment.text ? h("div", { class: "text" }, mrkdwn(attachment.text)) : null,
    renderBlocks(attachment.blocks, context));
  const colours = { good: "#2f9e6b", warning: "#d9a514", danger: "#c8374a" };
  const given = colours[attachment.color] ?? attachment.color ?? "";
  const full = given.startsWith("#") ? given : `#${given}`;
  if (/^#[0-9a-f]{3,8}$/i.test(full)) node.style.setProperty("--bar", full);
  return node;
}
