"""The ground floor: errors, files, progress, and the store in which steps keep what they made."""
