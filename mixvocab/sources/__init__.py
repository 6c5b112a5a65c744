"""Where text, teachers and tasks come from, and what is known of them."""
