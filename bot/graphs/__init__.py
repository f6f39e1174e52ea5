"""Named graphs: what each asks Prometheus, and how its answer is to be shown.

Not here: asking (`integrations.prometheus`), drawing (`bot.render.plot`), and Slack.
"""
