"""What BotKit says to Kore's XO platform: signed calls, message templates, transcripts. No sockets in here."""
