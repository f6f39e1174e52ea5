"""The commands, one module for each family; each exposes the tuple `COMMANDS`.

They use what `bot` exports and the domain logic of `bot.releases`. No SDK, no Slack, no SQL here.
"""
