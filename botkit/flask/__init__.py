"""BotKit in a Flask application: the extension with its pages, and the ``flask botkit`` commands."""
