"""Profiles: how much is computed, as YAML and as models that check it."""
