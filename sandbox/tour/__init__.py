"""The tour: a story played through the practice Slack with the real bot, and checked.

`bot` runs the bot, `story` is what happens, `play` plays and checks it, `show` prints it.
"""
