"""What people on call need: the checks of `botkit doctor`, and the story of one hand-off."""
