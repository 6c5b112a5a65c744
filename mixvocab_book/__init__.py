"""The book's machinery: profiles, artefacts, records, figures; running, checking and rendering chapters."""
