// The modal on top of the screen.

import { post, Refusal } from "./api.js";
import { renderBlocks } from "./blocks.js";
import { h, uid } from "./dom.js";
import { icon } from "./icons.js";
import { textObject } from "./mrkdwn.js";

/** Shows whatever view the app has opened for one person. */
export class Modal {
  constructor(user) {
    this.user = user;
    this.dialog = null;
    this.view = null;
    this.inputs = [];
    this.before = null;
  }

  /** Bring the screen in line with what Slack says is open. */
  show(view) {
    if (!view) {
      this.dismiss();
      return;
    }
    const typed = this.view?.id === view.id ? this.typed() : {};
    const first = !this.dialog;
    if (first) this.open();
    this.view = view;
    this.draw(typed);
    if (first) this.dialog.showModal();
    this.focus();
  }

  open() {
    this.before = document.activeElement;
    this.dialog = h("dialog", { class: "dialog", oncancel: (event) => {
      event.preventDefault();
      this.close();
    } });
    document.body.append(this.dialog);
  }

  dismiss() {
    this.dialog?.close();
    this.dialog?.remove();
    [this.dialog, this.view, this.inputs] = [null, null, []];
    if (this.before?.isConnected) this.before.focus();
  }

  /** What stands in the inputs, by block and action id. */
  values() {
    const values = {};
    for (const { block, element, read } of this.inputs) {
      values[block.block_id] = { ...values[block.block_id], [element.action_id]: read() };
    }
    return values;
  }

  /** The same in the form of `state.values`, to draw it again. */
  typed() {
    const state = {};
    for (const { block, element, read } of this.inputs) {
      state[block.block_id] = { ...state[block.block_id], [element.action_id]: { value: read() } };
    }
    return state;
  }

  draw(typed) {
    const { view } = this;
    const title = uid("view");
    this.inputs = [];
    const state = { ...view.state?.values };
    for (const [block, actions] of Object.entries(typed)) state[block] = { ...state[block], ...actions };
    const context = { inputs: this.inputs, state, errors: view.errors, use: (block, element, value) => this.use(block, element, value) };
    const general = view.errors?.[""];
    const form = h("form", { class: "view", noValidate: true, onsubmit: (event) => {
      event.preventDefault();
      this.submit();
    } },
      h("header", {}, h("h2", { id: title }, textObject(view.title)),
        h("button", { type: "button", class: "icon", aria: { label: "Close" }, onclick: () => this.close() }, icon("ui-close"))),
      h("div", { class: "view-body" },
        general ? h("p", { class: "alert alert-error", role: "alert" }, general) : null,
        renderBlocks(view.blocks, context)),
      h("footer", {},
        h("button", { type: "button", class: "button", onclick: () => this.close() }, view.close ? textObject(view.close) : "Cancel"),
        view.submit ? h("button", { type: "submit", class: "button button-primary" }, textObject(view.submit)) : null));
    this.dialog.setAttribute("aria-labelledby", title);
    this.dialog.replaceChildren(form);
  }

  focus() {
    const wrong = this.inputs.find((entry) => entry.error);
    const target = wrong ?? this.inputs[0];
    (target?.focus ?? this.dialog.querySelector("button"))?.focus();
  }

  async use(block, element, value) {
    const body = { user: this.user, view_id: this.view.id, action: element.action_id, value };
    await post("click", body).catch((error) => this.complain(error));
  }

  async submit() {
    this.dialog.setAttribute("aria-busy", "true");
    const button = this.dialog.querySelector("[type=submit]");
    if (button) button.disabled = true;
    const body = { user: this.user, view_id: this.view.id, values: this.values() };
    try {
      await post("submit", body);
    } catch (error) {
      this.complain(error);
    } finally {
      this.dialog?.removeAttribute("aria-busy");
      const again = this.dialog?.querySelector("[type=submit]");
      if (again) again.disabled = false;
    }
  }

  complain(error) {
    if (!this.dialog) return;
    const fields = error instanceof Refusal && Object.keys(error.fields).length ? error.fields : { "": error.message };
    const typed = this.typed();
    this.view = { ...this.view, errors: fields };
    this.draw(typed);
    this.focus();
  }

  async close() {
    const body = { user: this.user, view_id: this.view.id };
    this.dismiss();
    await post("close_view", body).catch(() => {});
  }
}
