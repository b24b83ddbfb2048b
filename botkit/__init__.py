"""BotKit for Kore.ai: hands a bot's conversations over to Salesforce agents."""

__version__ = "0.1.0"
