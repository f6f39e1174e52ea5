// Small questions before something happens.

import { h, uid } from "./dom.js";
import { textObject } from "./mrkdwn.js";

/** Ask what a confirm object asks; true at once when there is none. */
export function confirmed(confirm) {
  if (!confirm) return Promise.resolve(true);
  const before = document.activeElement;
  const title = uid("confirm");
  const style = confirm.style === "danger" ? "button-danger" : "button-primary";
  return new Promise((resolve) => {
    const dialog = h("dialog", { class: "dialog dialog-small", role: "alertdialog", aria: { labelledby: title, describedby: `${title}-text` } },
      h("h2", { id: title }, textObject(confirm.title)),
      h("div", { class: "text", id: `${title}-text` }, textObject(confirm.text)),
      h("footer", {},
        h("button", { type: "button", class: "button", onclick: () => dialog.close("no") }, textObject(confirm.deny)),
        h("button", { type: "button", class: `button ${style}`, onclick: () => dialog.close("yes") }, textObject(confirm.confirm))));
    dialog.addEventListener("close", () => {
      dialog.remove();
      before?.focus?.();
      resolve(dialog.returnValue === "yes");
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}
