"""Testing what one has written with BotKit."""
