// The page: state of one person's screen, and how events change it.

import { get, live, post } from "./api.js";
import { renderBlocks } from "./blocks.js";
import { Composer } from "./composer.js";
import { h, toast } from "./dom.js";
import { icon } from "./icons.js";
import { MessageList } from "./messages.js";
import { Modal } from "./modal.js";
import { learn, learnChannels } from "./names.js";

const $ = (id) => document.getElementById(id);

class Page {
  constructor() {
    this.state = null;
    this.channel = null;
    this.threadTs = null;
    this.unread = new Map();
    this.stop = () => {};
    this.held = null;
    this.list = new MessageList($("messages"), {});
    this.replies = new MessageList($("replies"), { openThread: null });
    this.composer = new Composer($("composer"), {
      id: "composer-input", label: "Message", hint: "Enter sends · Shift+Enter for a new line · / for commands", where: () => ({ user: this.user, channel: this.channel.id }),
    });
    this.threadComposer = new Composer($("thread-composer"), {
      id: "thread-input", label: "Reply in thread", hint: "Enter sends · commands work only outside threads", completes: false,
      where: () => ({ user: this.user, channel: this.channel.id, thread_ts: this.threadTs }),
    });
    this.threadComposer.setLabel("Reply in thread");
    this.wire();
  }

  wire() {
    for (const [id, name] of [["close-thread", "ui-close"], ["close-sidebar", "ui-close"], ["open-sidebar", "ui-menu"]]) $(id).replaceChildren(icon(name));
    $("person").addEventListener("change", (event) => this.become(event.target.value));
    $("close-thread").addEventListener("click", () => this.closeThread());
    $("open-sidebar").addEventListener("click", () => this.sidebar(true));
    $("close-sidebar").addEventListener("click", () => this.sidebar(false));
    document.addEventListener("keydown", (event) => this.key(event));
    window.addEventListener("hashchange", () => this.fromAddress());
  }

  key(event) {
    const writing = /^(INPUT|TEXTAREA|SELECT)$/.test(document.activeElement?.tagName ?? "");
    if (document.querySelector("dialog[open]")) return;
    if (event.key === "Escape" && $("app").classList.contains("sidebar-open")) this.sidebar(false);
    else if (event.key === "Escape" && this.threadTs) this.closeThread();
    else if (event.key === "/" && !writing) {
      event.preventDefault();
      this.composer.focus();
      this.composer.input.value ||= "/";
      this.composer.typed();
    }
  }

  sidebar(open) {
    $("app").classList.toggle("sidebar-open", open);
    $("open-sidebar").setAttribute("aria-expanded", String(open));
    (open ? $("person") : $("open-sidebar")).focus();
  }

  /** Somebody chose a channel: the list slides away, and the box waits for what they type. */
  async enter(id) {
    await this.open(id);
    this.sidebar(false);
    this.composer.focus();
  }

  // -- who and where ---------------------------------------------------------------------------

  async start() {
    const { people } = await get("people");
    const humans = people.filter((person) => !person.is_bot);
    $("person").replaceChildren(...humans.map((person) =>
      h("option", { value: person.id }, person.role ? `${person.real_name} · ${person.role}` : person.real_name)));
    const wanted = this.address().get("user");
    const first = humans.find((person) => [person.id, person.name].includes(wanted)) ?? humans[0];
    await this.become(first.id);
  }

  address() {
    return new URLSearchParams(location.hash.slice(1));
  }

  async fromAddress() {
    const wanted = this.address().get("channel");
    if (wanted && wanted !== this.channel?.id && wanted !== this.channel?.name) await this.openNamed(wanted);
  }

  async become(user) {
    this.stop();
    this.user = user;
    $("person").value = user;
    this.unread.clear();
    this.modal?.dismiss();
    this.modal = new Modal(user);
    this.closeThread(false);
    const line = live(user, (event) => this.hear(event), (up) => this.link(up));
    this.stop = line.stop;
    await line.ready;
    await this.refresh();
    const named = this.address().get("channel") ?? this.channel?.id;
    await this.openNamed(named);
    this.modal.show(this.state.view);
  }

  async refresh() {
    this.state = await get("state", { user: this.user });
    learn(this.state);
    $("team-name").textContent = this.state.team.name;
    document.title = `${this.state.team.name} · practice Slack`;
    this.drawChannels();
    this.connected(this.state.connected);
  }

  async openNamed(name) {
    const all = this.state.channels;
    const found = all.find((c) => name && (c.id === name || c.name === name)) ?? all.find((c) => c.is_member) ?? all[0];
    if (found) await this.open(found.id);
  }

  async open(id) {
    this.channel = this.state.channels.find((channel) => channel.id === id);
    this.unread.delete(id);
    this.closeThread(false);
    const user = this.state.people.find((person) => person.id === this.user);
    history.replaceState(null, "", `#user=${encodeURIComponent(user.name)}&channel=${encodeURIComponent(this.channel.id)}`);
    this.drawChannels();
    this.drawHeader();
    this.tab("messages");
    const messages = await this.read({ channel: id });
    if (this.channel.id !== id) return;
    this.list.reset(messages, { user: this.user, openThread: (ts) => this.openThread(ts), empty: `This is the beginning of ${this.title()}.` });
    this.catchUp();
  }

  /** Read messages; events that come meanwhile wait, so that none is overwritten. */
  async read(query) {
    this.held ??= [];
    const { messages } = await get("messages", { user: this.user, ...query });
    return messages;
  }

  hear(event) {
    if (this.held) this.held.push(event);
    else this.event(event);
  }

  catchUp() {
    const waiting = this.held ?? [];
    this.held = null;
    for (const event of waiting) this.event(event);
  }

  title() {
    return this.channel.is_im ? this.channel.name : `#${this.channel.name}`;
  }

  // -- drawing ---------------------------------------------------------------------------------

  drawChannels() {
    const entry = (channel) => {
      const sign = channel.is_im ? "ui-app" : channel.is_private ? "ui-lock" : channel.is_shared ? "ui-shared" : "ui-hash";
      const unread = this.unread.get(channel.id);
      const name = `${channel.name}${channel.is_private ? ", private" : ""}${channel.is_shared ? ", shared with another company" : ""}${unread ? `, ${unread} new` : ""}`;
      return h("li", {}, h("button", {
        type: "button", class: `nav-item${unread ? " unread" : ""}${channel.is_member ? "" : " outside"}`,
        aria: { current: channel.id === this.channel?.id ? "page" : undefined, label: name },
        onclick: () => this.enter(channel.id),
      }, h("span", { class: "sign" }, icon(sign)), channel.name, unread ? h("span", { class: "count" }, String(unread)) : null));
    };
    const channels = this.state.channels.filter((channel) => !channel.is_im).sort((a, b) => a.name.localeCompare(b.name));
    $("channels").replaceChildren(...channels.map(entry));
    const direct = this.state.channels.find((channel) => channel.is_im);
    const bot = this.state.people.find((person) => person.id === this.state.bot);
    $("apps").replaceChildren(direct ? entry(direct) : h("li", {}, h("button", {
      type: "button", class: "nav-item", onclick: () => this.openDirect(),
    }, h("span", { class: "sign" }, icon("ui-app")), bot.name)));
  }

  async openDirect() {
    const channel = await post("open_im", { user: this.user });
    await this.refresh();
    await this.enter(channel.id);
  }

  drawHeader() {
    const { channel } = this;
    $("channel-title").textContent = this.title();
    $("channel-topic").textContent = channel.topic;
    $("members").textContent = channel.is_im ? "" : `${channel.members} members`;
    $("messages").setAttribute("aria-label", `Messages in ${this.title()}`);
    this.composer.setLabel(`Message ${this.title()}`);
    this.drawTabs();
    this.drawJoin();
  }

  drawJoin() {
    const { channel } = this;
    $("join")?.remove();
    const closed = channel.is_archived || !channel.is_member;
    this.composer.hint.hidden = closed;
    this.composer.form.hidden = channel.is_archived;
    if (channel.is_archived) $("composer").prepend(h("p", { id: "join", class: "join" }, `${this.title()} is archived.`));
    else if (!channel.is_member) {
      $("composer").prepend(h("p", { id: "join", class: "join" }, `You are looking at ${this.title()} from outside. `,
        h("button", { type: "button", class: "button", onclick: () => this.join() }, `Join ${this.title()}`)));
    }
  }

  async join() {
    await post("join", { user: this.user, channel: this.channel.id });
    await this.refresh();
    await this.open(this.channel.id);
    this.composer.focus();
  }

  // -- the app's home --------------------------------------------------------------------------

  drawTabs() {
    $("tabs").hidden = !this.channel.is_im;
    const make = (name, label) => h("button", { type: "button", role: "tab", id: `tab-${name}`, onclick: () => this.tab(name) }, label);
    $("tabs").replaceChildren(make("messages", "Messages"), make("home", "Home"));
  }

  tab(name) {
    const home = name === "home" && this.channel.is_im;
    $("home").hidden = !home;
    $("messages").hidden = home;
    $("composer").hidden = home;
    for (const tab of $("tabs").children) tab.setAttribute("aria-selected", String(tab.id === `tab-${name}`));
    if (!home) return;
    post("open_home", { user: this.user }).catch((error) => toast(error.message));
    this.drawHome();
  }

  drawHome() {
    const view = this.state.home;
    const use = (block, element, value) =>
      post("click", { user: this.user, view_id: view.id, action: element.action_id, value }).catch((error) => toast(error.message));
    $("home").replaceChildren(...(view ? renderBlocks(view.blocks, { use, state: view.state?.values }) : [h("p", { class: "empty" }, "The app has not published a Home tab.")]));
  }

  // -- threads ---------------------------------------------------------------------------------

  async openThread(ts) {
    this.threadTs = ts;
    this.replies.reset([], { user: this.user });
    $("thread").hidden = false;
    $("app").classList.add("thread-open");
    const messages = await this.read({ channel: this.channel.id, thread_ts: ts });
    this.replies.reset(messages, { user: this.user, openThread: null });
    this.catchUp();
    this.threadComposer.focus();
  }

  closeThread(focus = true) {
    const parent = this.threadTs;
    this.threadTs = null;
    $("thread").hidden = true;
    $("app").classList.remove("thread-open");
    if (focus && !this.list.focusReplies(parent)) this.composer.focus();
  }

  // -- events ----------------------------------------------------------------------------------

  link(up) {
    $("offline").hidden = up;
    $("offline").textContent = up ? "" : "The practice Slack does not answer. Trying again …";
    if (up) this.refresh().then(() => this.openNamed(this.channel?.id));
  }

  connected(yes) {
    if (!yes) $("offline").textContent = "The app is not connected; commands will fail.";
    $("offline").hidden = yes;
  }

  event(event) {
    if (event.type === "message" || event.type === "message_changed") this.onMessage(event);
    else if (event.type === "message_deleted") this.onDeleted(event);
    else if (event.type === "view") this.modal.show(event.view);
    else if (event.type === "home") {
      this.state.home = event.home;
      if (!$("home").hidden) this.drawHome();
    } else if (event.type === "warning") this.onWarning(event);
    else if (event.type === "sockets") this.connected(event.connected);
    else if (["channel_created", "member_joined"].includes(event.type)) this.onChannels();
  }

  async onChannels() {
    const { channels } = await get("state", { user: this.user });
    this.state.channels = channels;
    learnChannels(channels);
    this.channel = channels.find((channel) => channel.id === this.channel?.id) ?? this.channel;
    this.drawChannels();
    if (this.channel) this.drawHeader();
  }

  onMessage(event) {
    const { message, parent } = event;
    if (!message) return;
    if (event.channel !== this.channel?.id) {
      if (event.type === "message") this.unread.set(event.channel, (this.unread.get(event.channel) ?? 0) + 1);
      this.drawChannels();
      return;
    }
    const reply = message.thread_ts && message.thread_ts !== message.ts;
    if (!reply || message.subtype === "thread_broadcast") this.list.put(message);
    if (parent && this.list.messages.has(parent.ts)) this.list.put(parent);
    if (this.threadTs && [message.ts, message.thread_ts].includes(this.threadTs)) this.replies.put(message);
  }

  onDeleted(event) {
    if (event.channel !== this.channel?.id) return;
    this.list.remove(event.ts);
    this.replies.remove(event.ts);
    if (event.parent) this.list.put(event.parent);
  }

  onWarning(event) {
    toast(event.text);
    if (event.ts) {
      this.list.warn(event.ts, event.text);
      this.replies.warn(event.ts, event.text);
    }
  }
}

const page = new Page();
page.start().catch((error) => toast(`The page could not start: ${error.message}`));
