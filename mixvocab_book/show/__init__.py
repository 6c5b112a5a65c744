"""Tables and figures from records, and what is alive on pages."""
