// What people can use: buttons, menus, pickers, inputs. Each knows how to tell its value.

import { h, safeUrl, uid } from "./dom.js";
import { confirmed } from "./dialogs.js";
import { plainString, textObject } from "./mrkdwn.js";
import { channels, people } from "./names.js";

const DYNAMIC = /^(multi_)?(users|channels|conversations|external)_select$/;

const labelOf = (object) => plainString(object?.text ?? "");

/** The options of a menu: given ones, groups, or people and channels of the workspace. */
function optionsOf(element) {
  if (element.options) return element.options.map((o) => [o.value, labelOf(o.text), ""]);
  if (element.option_groups) {
    return element.option_groups.flatMap((group) =>
      group.options.map((o) => [o.value, labelOf(o.text), labelOf(group.label)]));
  }
  if (element.type.includes("users")) return people().map((p) => [p.id, p.real_name, ""]);
  return channels().filter((c) => !c.is_im).map((c) => [c.id, `#${c.name}`, ""]);
}

/** The values that an element shows before anybody touched it. */
function startOf(element, state) {
  const held = state ? Object.entries(state).find(([key]) => key !== "type")?.[1] : undefined;
  const values = held ?? element.initial_option ?? element.initial_options ?? element.initial_value
    ?? element.initial_date ?? element.initial_time ?? element.initial_date_time
    ?? element.initial_user ?? element.initial_channel ?? element.initial_conversation ?? [];
  return [values].flat().map((value) => value?.value ?? value).filter((v) => v !== null && v !== undefined);
}

function menu(element, given, start, multiple) {
  const shown = labelOf(element.placeholder) || (multiple ? "Choose some" : "Choose one");
  const groups = new Map();
  for (const [value, label, group] of optionsOf(element)) {
    const option = h("option", { value, selected: start.includes(value) }, label);
    groups.set(group, [...(groups.get(group) ?? []), option]);
  }
  const select = h("select", { ...given, multiple, class: "menu" },
    multiple ? null : h("option", { value: "", disabled: !given.optional, selected: !start.length }, shown),
    [...groups].map(([label, options]) => (label ? h("optgroup", { label }, options) : options)));
  const read = () => (multiple ? [...select.selectedOptions].map((o) => o.value) : select.value || null);
  return { node: select, focus: select, read };
}

function choices(element, given, start) {
  const kind = element.type === "checkboxes" ? "checkbox" : "radio";
  const name = uid("choice");
  const inputs = [];
  const rows = element.options.map((option) => {
    const input = h("input", { type: kind, name, value: option.value, checked: start.includes(option.value) });
    inputs.push(input);
    return h("label", { class: "choice" }, input, h("span", {}, textObject(option.text),
      option.description ? h("small", {}, textObject(option.description)) : null));
  });
  const node = h("div", { class: "choices", role: kind === "radio" ? "radiogroup" : "group", aria: given.aria }, rows);
  const chosen = () => inputs.filter((input) => input.checked).map((input) => input.value);
  return { node, focus: inputs[0], read: () => (kind === "radio" ? chosen()[0] ?? null : chosen()) };
}

function field(element, given, start) {
  const types = { email_text_input: "email", url_text_input: "url", number_input: "text", datepicker: "date", timepicker: "time", datetimepicker: "datetime-local" };
  const props = { ...given, class: "field", placeholder: labelOf(element.placeholder), value: start[0] ?? "" };
  if (element.type === "datetimepicker" && start[0]) {
    const local = new Date(Number(start[0]) * 1000);
    props.value = new Date(local.getTime() - local.getTimezoneOffset() * 60000).toISOString().slice(0, 16);
  }
  if (element.max_length) props.maxLength = element.max_length;
  if (element.type === "number_input") props.inputMode = "decimal";
  const node = element.multiline ? h("textarea", { ...props, rows: 4 }) : h("input", { ...props, type: types[element.type] ?? "text" });
  const read = () => {
    if (!node.value) return null;
    return element.type === "datetimepicker" ? Math.floor(new Date(node.value).getTime() / 1000) : node.value;
  };
  return { node, focus: node, read };
}

/** An element that holds a value: node, what to focus, and how to read it. */
export function input(element, state, given = {}) {
  const start = startOf(element, state);
  if (["checkboxes", "radio_buttons"].includes(element.type)) return choices(element, given, start);
  if (element.type === "static_select" || element.type === "multi_static_select" || DYNAMIC.test(element.type)) {
    return menu(element, given, start, element.type.startsWith("multi_"));
  }
  return field(element, given, start);
}

function button(element, use) {
  const style = element.style ? ` button-${element.style}` : "";
  const label = textObject(element.text);
  const key = element.action_id;
  const name = element.accessibility_label;
  const go = async () => {
    if (await confirmed(element.confirm)) await use(element, undefined);
  };
  const href = element.url ? safeUrl(element.url) : null;
  if (href) {
    const open = { href, target: "_blank", rel: "noopener noreferrer", class: `button${style}`, data: { key }, onclick: () => use(element) };
    return h("a", { ...open, aria: { label: name } }, label);
  }
  return h("button", { type: "button", class: `button${style}`, data: { key }, aria: { label: name }, onclick: go }, label);
}

function overflow(element, use) {
  const list = menu({ ...element, type: "static_select", placeholder: { text: "More actions …" } }, { aria: { label: "More actions" } }, [], false);
  list.node.classList.add("overflow");
  list.node.dataset.key = element.action_id;
  list.node.addEventListener("change", async () => {
    const value = list.read();
    const chosen = element.options.find((option) => option.value === value);
    const href = chosen?.url ? safeUrl(chosen.url) : null;
    if (href) window.open(href, "_blank", "noopener");
    if (value && await confirmed(element.confirm)) await use(element, value);
    list.node.value = "";
  });
  return list.node;
}

/** An element outside an input block: using it tells the app at once. */
export function action(element, use, state, name) {
  if (element.type === "button" || element.type === "workflow_button") return button(element, use);
  if (element.type === "overflow") return overflow(element, use);
  const label = name || labelOf(element.placeholder) || "Choose";
  const made = input(element, state, { aria: { label } });
  made.node.dataset.key = element.action_id;
  made.node.addEventListener("change", async () => {
    if (await confirmed(element.confirm)) await use(element, made.read());
  });
  return made.node;
}
