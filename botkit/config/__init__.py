"""YAML and JSON Schema in, typed settings out."""
