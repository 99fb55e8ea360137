"""How fast is scand, against the loop that one would write by hand? See `__main__`."""
