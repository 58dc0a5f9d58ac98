"""Building the book: what each job is made of, what has to run, running it, and what came of it."""
