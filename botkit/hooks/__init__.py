"""The hooks of Kore's XO platform: paths, authentication, bodies, payloads, events."""
