"""Both clouds, emulated on loopback, and the page that shows a hand-off at work."""
