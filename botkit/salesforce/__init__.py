"""What BotKit says to Salesforce: Messaging for In-App and Web. No sockets in here."""
