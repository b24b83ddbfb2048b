"""The functional core: what BotKit decides, without a clock, a network or a database.

`decide(rules, conversation, event) -> Decision(conversation', effects)` in `decide.py` is where every rule of the
hand-off is written. `events.py` says what can happen, `effects.py` what can be asked for, `conversation.py` what is
remembered in between. Nothing here imports anything but the standard library and this package.
"""
