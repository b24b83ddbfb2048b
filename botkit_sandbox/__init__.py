"""Kore's XO platform and Salesforce, emulated on loopback, and a page that shows a hand-off at work.

The package is independent of `botkit`: any client of the real APIs can be pointed at it. `botkit_sandbox.server` starts it.
"""
