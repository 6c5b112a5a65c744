"""The shapes of students, the teacher that reads two vocabularies, and where parameters go."""
