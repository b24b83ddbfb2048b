"""What we say to Salesforce. `miaw`: Messaging for In-App and Web. No I/O but through `botkit.http.Transport`."""
