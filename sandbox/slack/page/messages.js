// Lists of messages: the channel's main line and the thread.

import { post } from "./api.js";
import { renderAttachment, renderBlocks } from "./blocks.js";
import { h, link, timeOf, toast } from "./dom.js";
import { icon } from "./icons.js";
import { mrkdwn } from "./mrkdwn.js";
import { colour, emoji, initials, person, QUICK_REACTIONS } from "./names.js";

const CLOCK = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const GROUP_SECONDS = 300;

/** Where using something in a message leads. */
function uses(message, user) {
  return async (block, element, value) => {
    const body = { user, channel: message.channel, message_ts: message.ts, action: element.action_id, value };
    try {
      await post("click", body);
    } catch (error) {
      toast(error.message);
    }
  };
}

function fileNode(file) {
  const href = new URL(file.url, location.href).href;
  if (file.mimetype.startsWith("image/")) {
    return h("figure", { class: "file" },
      h("figcaption", {}, file.title),
      h("a", { href, target: "_blank", rel: "noopener" },
        h("img", { class: "image-full", src: href, alt: file.alt_txt || file.title })));
  }
  const size = file.size < 1024 ? `${file.size} B` : `${Math.round(file.size / 1024)} kB`;
  return h("p", { class: "file file-card" }, icon("page_facing_up"), link(href, file.title), h("small", {}, size));
}

function reactions(message, react) {
  return h("div", { class: "reactions" }, message.reactions.map((reaction) => {
    const who = reaction.users.map((id) => person(id).real_name).join(", ");
    return h("button", {
      type: "button", class: "reaction", title: who, onclick: () => react(reaction.name),
      aria: { label: `${reaction.name}, ${reaction.count}, by ${who}` },
    }, emoji(reaction.name), h("span", {}, String(reaction.count)));
  }));
}

function body(message, user) {
  const context = { use: uses(message, user) };
  const content = message.blocks?.length
    ? renderBlocks(message.blocks, context)
    : [h("div", { class: "text" }, mrkdwn(message.text))];
  return [
    message.text || message.blocks?.length ? content : null,
    (message.attachments ?? []).map((attachment) => renderAttachment(attachment, context)),
    (message.files ?? []).map(fileNode),
  ];
}

/** One message. `openThread` is null inside a thread. */
function messageNode(message, { user, openThread, grouped }) {
  const author = person(message.user);
  const when = timeOf(message.ts);
  const react = (name) => post("react", { user, channel: message.channel, message_ts: message.ts, name }).catch((e) => toast(e.message));
  const app = message.bot_id ? h("span", { class: "badge" }, "APP") : null;
  const head = h("p", { class: "head" },
    h("strong", {}, author.is_bot ? author.name : author.real_name), app,
    h("time", { dateTime: when.toISOString(), title: when.toLocaleString() }, CLOCK.format(when)));
  const tools = message.ephemeral ? null : h("div", { class: "tools" },
    QUICK_REACTIONS.map((name) => h("button", { type: "button", class: "tool", aria: { label: `React with ${name}` }, onclick: () => react(name) }, emoji(name))),
    openThread ? h("button", { type: "button", class: "tool", aria: { label: "Reply in thread" }, onclick: () => openThread(message.ts) }, icon("ui-thread")) : null);
  const replies = openThread && message.reply_count
    ? h("button", { type: "button", class: "replies", onclick: () => openThread(message.ts) },
      message.reply_count === 1 ? "1 reply" : `${message.reply_count} replies`)
    : null;
  return h("li", { class: `message${grouped ? " grouped" : ""}${message.ephemeral ? " ephemeral" : ""}`, data: { ts: message.ts } },
    h("article", { aria: { label: `${author.real_name}, ${CLOCK.format(when)}` } },
      h("span", { class: `avatar avatar-${colour(author)}${author.is_bot ? " avatar-app" : ""}`, aria: { hidden: true } }, initials(author)),
      h("div", { class: "content" },
        message.ephemeral ? h("p", { class: "only-you" }, icon("ui-eye"), " Only visible to you") : null,
        head,
        message.subtype === "thread_broadcast" && openThread ? h("p", { class: "from-thread" }, "replied to a thread") : null,
        body(message, user),
        message.edited ? h("small", { class: "edited" }, "(edited)") : null,
        message.reactions ? reactions(message, react) : null,
        replies),
      tools));
}

/** A list that keeps itself in order and changes only what has changed. */
export class MessageList {
  constructor(element, options) {
    this.element = element;
    this.options = options;
    this.messages = new Map();
    this.stuck = true;
    this.top = 0;
    element.addEventListener("scroll", () => this.scrolled(), { passive: true });
    element.addEventListener("load", () => { if (this.stuck) this.toEnd(); }, true);
  }

  /** Show these and nothing else. */
  reset(messages, options = {}) {
    Object.assign(this.options, options);
    this.messages = new Map(messages.map((message) => [message.ts, message]));
    this.draw();
    this.stuck = true;
    this.toEnd();
  }

  draw() {
    const ordered = [...this.messages.values()];
    const nodes = ordered.map((message, index) => this.node(message, ordered[index - 1]));
    this.element.replaceChildren(...(nodes.length ? nodes : [h("li", { class: "empty" }, this.options.empty ?? "Nothing here yet.")]));
  }

  node(message, previous) {
    const grouped = previous && previous.user === message.user && !previous.ephemeral === !message.ephemeral
      && Number(message.ts) - Number(previous.ts) < GROUP_SECONDS;
    return messageNode(message, { ...this.options, grouped });
  }

  /** Add a message or show its new content, without touching any other. */
  put(message) {
    const known = this.messages.has(message.ts);
    const stay = this.stuck;
    this.messages.set(message.ts, message);
    const order = [...this.messages.keys()].sort();
    const previous = this.messages.get(order[order.indexOf(message.ts) - 1]);
    const node = this.node(message, previous);
    this.element.querySelector(".empty")?.remove();
    if (known) this.swap(message.ts, node);
    else {
      const after = order[order.indexOf(message.ts) + 1];
      this.element.insertBefore(node, after ? this.find(after) : null);
      if (after) this.messages = new Map(order.map((ts) => [ts, this.messages.get(ts)]));
    }
    if (stay) this.toEnd();
  }

  swap(ts, node) {
    const old = this.find(ts);
    const key = old?.contains(document.activeElement) ? document.activeElement.dataset.key : undefined;
    old?.replaceWith(node);
    if (key !== undefined) node.querySelector(`[data-key="${CSS.escape(key)}"]`)?.focus();
  }

  remove(ts) {
    this.messages.delete(ts);
    this.find(ts)?.remove();
    if (!this.messages.size) this.draw();
  }

  /** Put a small warning beside a message whose app did not answer. */
  warn(ts, text) {
    this.find(ts)?.querySelector(".content")?.append(h("p", { class: "warning", role: "alert" }, icon("warning"), ` ${text}`));
  }

  find(ts) {
    return this.element.querySelector(`[data-ts="${CSS.escape(ts)}"]`);
  }

  /** Only a person scrolls up; a picture that loads merely makes the list longer. */
  scrolled() {
    const { scrollTop } = this.element;
    if (this.nearEnd()) this.stuck = true;
    else if (scrollTop < this.top) this.stuck = false;
    this.top = scrollTop;
  }

  /** Focus the way into a message's thread; false when there is none. */
  focusReplies(ts) {
    const way = ts && this.find(ts)?.querySelector(".replies, .tools button:last-child");
    way?.focus();
    return Boolean(way);
  }

  nearEnd() {
    const { scrollTop, scrollHeight, clientHeight } = this.element;
    return scrollHeight - scrollTop - clientHeight < 120;
  }

  toEnd() {
    this.element.scrollTop = this.element.scrollHeight;
  }
}
