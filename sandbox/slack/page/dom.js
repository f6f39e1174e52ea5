// Building the document. Text from outside only ever becomes a text node.

/** Create an element: properties, `on…` handlers, `data`/`aria` objects, then children. */
export function h(tag, props = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props ?? {})) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "class") element.className = value;
    else if (name === "data") Object.assign(element.dataset, value);
    else if (name === "aria") for (const [k, v] of Object.entries(value)) setAria(element, k, v);
    else if (name in element && !name.includes("-") && name !== "list") element[name] = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat(Infinity).filter((c) => c !== null && c !== undefined && c !== false));
  return element;
}

function setAria(element, name, value) {
  if (value !== undefined && value !== null) element.setAttribute(`aria-${name}`, String(value));
}

let counter = 0;

/** An id that no other element has. */
export function uid(prefix) {
  counter += 1;
  return `${prefix}-${counter}`;
}

/** A link target that is safe to follow, or null. */
export function safeUrl(url) {
  try {
    const parsed = new URL(url, location.href);
    return ["http:", "https:", "mailto:"].includes(parsed.protocol) ? parsed.href : null;
  } catch {
    return null;
  }
}

/** A link that opens elsewhere, or plain text where the target is not safe. */
export function link(url, ...label) {
  const href = safeUrl(url);
  if (!href) return h("span", {}, ...label);
  return h("a", { href, target: "_blank", rel: "noopener noreferrer" }, ...label);
}

/** Say something that passes: read aloud and shown for a moment. */
export function toast(text) {
  const note = h("p", { class: "toast" }, text);
  document.getElementById("toasts").append(note);
  setTimeout(() => note.remove(), 6000);
}

/** The time of a Slack timestamp on this machine's clock. */
export function timeOf(ts) {
  return new Date(Number(ts) * 1000);
}
