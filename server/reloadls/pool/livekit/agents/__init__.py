"""The agents of a job, and how they follow edits of their classes."""
