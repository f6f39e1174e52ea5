// The box where people write, with completion for slash commands.

import { get, post } from "./api.js";
import { h, toast, uid } from "./dom.js";

const KEPT = 50;

/** One message box; `where()` gives user, channel and thread. */
export class Composer {
  constructor(slot, { id, label, hint, where, completes = true }) {
    this.where = where;
    this.completes = completes;
    this.history = [];
    this.back = 0;
    this.options = [];
    this.chosen = -1;
    this.asked = 0;
    const list = uid("completions");
    this.list = h("ul", { id: list, class: "completions", role: "listbox", hidden: true, aria: { label: "Completions" } });
    this.input = h("textarea", {
      id, rows: 1, class: "composer-input", autocomplete: "off", spellcheck: false, role: "combobox",
      aria: { label, autocomplete: "list", expanded: "false", controls: list },
      oninput: () => this.typed(), onkeydown: (event) => this.key(event), onblur: () => this.hide(),
    });
    const send = h("button", { type: "submit", class: "button button-primary send" }, "Send");
    this.form = h("form", { class: "composer", onsubmit: (event) => {
      event.preventDefault();
      this.send();
    } }, this.list, this.input, send);
    this.hint = h("p", { class: "composer-hint" }, hint);
    slot.replaceChildren(this.form, this.hint);
  }

  /** Name the box after the place it writes to. */
  setLabel(label) {
    this.input.setAttribute("aria-label", label);
    this.input.placeholder = label;
  }

  focus() {
    this.input.focus();
  }

  typed() {
    this.grow();
    if (this.completes && this.input.value.startsWith("/")) this.complete();
    else this.hide();
  }

  grow() {
    this.input.style.height = "auto";
    this.input.style.height = `${Math.min(this.input.scrollHeight, 160)}px`;
  }

  async complete() {
    this.asked += 1;
    const number = this.asked;
    const { user } = this.where();
    const found = await get("complete", { user, text: this.input.value }).catch(() => ({ completions: [] }));
    if (number !== this.asked || !this.input.value.startsWith("/")) return;
    this.show(found.completions.filter((line) => line !== this.input.value));
  }

  show(options) {
    this.options = options;
    this.chosen = -1;
    this.list.hidden = !options.length;
    this.input.setAttribute("aria-expanded", String(options.length > 0));
    this.list.replaceChildren(...options.map((line, index) => h("li", {
      id: `${this.list.id}-${index}`, role: "option", aria: { selected: "false" },
      onmousedown: (event) => {
        event.preventDefault();
        this.accept(index);
      },
    }, line)));
    this.mark();
  }

  hide() {
    this.asked += 1;
    this.show([]);
  }

  mark() {
    [...this.list.children].forEach((item, index) => item.setAttribute("aria-selected", String(index === this.chosen)));
    const active = this.list.children[this.chosen];
    if (active) this.input.setAttribute("aria-activedescendant", active.id);
    else this.input.removeAttribute("aria-activedescendant");
    active?.scrollIntoView({ block: "nearest" });
  }

  move(step) {
    const count = this.options.length;
    this.chosen = this.chosen < 0 && step < 0 ? count - 1 : (this.chosen + step + count) % count;
    this.mark();
  }

  accept(index) {
    this.input.value = `${this.options[index]} `;
    this.hide();
    this.input.focus();
    this.typed();
  }

  key(event) {
    if (event.isComposing) return;
    const open = !this.list.hidden;
    if (open && (event.key === "ArrowDown" || event.key === "ArrowUp")) {
      event.preventDefault();
      this.move(event.key === "ArrowDown" ? 1 : -1);
    } else if (open && event.key === "Tab" && !event.shiftKey) {
      event.preventDefault();
      this.accept(Math.max(this.chosen, 0));
    } else if (open && event.key === "Escape") {
      event.preventDefault();
      event.stopPropagation();
      this.hide();
    } else if (event.key === "Enter" && !event.shiftKey) {
      event.preventDefault();
      if (open && this.chosen >= 0) this.accept(this.chosen);
      else this.send();
    } else if (!open && event.key === "ArrowUp" && this.history.length && (!this.input.value || this.back)) {
      event.preventDefault();
      this.recall(1);
    } else if (!open && event.key === "ArrowDown" && this.back) {
      event.preventDefault();
      this.recall(-1);
    }
  }

  recall(step) {
    this.back = Math.min(Math.max(this.back + step, 0), this.history.length);
    this.input.value = this.back ? this.history[this.history.length - this.back] : "";
    this.grow();
  }

  async send() {
    const text = this.input.value.trim();
    if (!text) return;
    this.history = [...this.history, text].slice(-KEPT);
    this.back = 0;
    this.input.value = "";
    this.hide();
    this.grow();
    const act = text.startsWith("/") ? "slash" : "message";
    try {
      await post(act, { ...this.where(), text });
    } catch (error) {
      toast(error.message);
      if (act === "message") this.input.value = text;
    }
  }
}
