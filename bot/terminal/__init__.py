"""The terminal: the same commands over the running bot's Unix socket.

`server` is the bot's side, `client` the person's. One JSON object a line, both ways. No rule and no
command lives here; who asks is what the kernel says about the socket's other end.
"""
