// Talking to the practice Slack.

/** A refusal; `fields` says what is wrong with which input of a modal. */
export class Refusal extends Error {
  constructor(message, fields) {
    super(message);
    this.fields = fields ?? {};
  }
}

async function answer(response) {
  const body = await response.json();
  if (!response.ok) throw new Refusal(body.error, body.fields);
  return body;
}

export async function get(name, query = {}) {
  return answer(await fetch(`/sandbox/${name}?${new URLSearchParams(query)}`));
}

export async function post(name, body) {
  const headers = { "Content-Type": "application/json" };
  return answer(await fetch(`/sandbox/${name}`, { method: "POST", headers, body: JSON.stringify(body) }));
}

/**
 * Receive what changes before one person's eyes. Comes back by itself when it breaks, and then
 * tells `onLink` so that what was missed can be read again. `ready` waits for the first connection.
 */
export function live(user, onEvent, onLink) {
  let socket;
  let closed = false;
  let wait = 500;
  let begun = () => {};
  const ready = new Promise((resolve) => { begun = resolve; });
  let first = true;
  const open = () => {
    socket = new WebSocket(`ws://${location.host}/sandbox/live?user=${encodeURIComponent(user)}`);
    socket.onmessage = (message) => {
      const event = JSON.parse(message.data);
      if (event.type !== "ready") {
        onEvent(event);
        return;
      }
      wait = 500;
      if (!first) onLink(true);
      first = false;
      begun();
    };
    socket.onclose = () => {
      if (closed) return;
      onLink(false);
      setTimeout(open, wait);
      wait = Math.min(wait * 2, 10000);
    };
  };
  open();
  const stop = () => {
    closed = true;
    socket.close();
  };
  return { ready, stop };
}
