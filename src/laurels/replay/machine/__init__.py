"""The step as machine code, and the loop that runs it over the columns of a whole history."""
