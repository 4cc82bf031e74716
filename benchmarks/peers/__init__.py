"""Other active-learning libraries, each in an environment of its own, on the same arrays as ours."""
