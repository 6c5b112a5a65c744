"""From notebooks to pages: running, checking, rendering."""
