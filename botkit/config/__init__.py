"""From YAML and JSON Schema to typed settings."""
