"""The parameters of each notebook. They are apart from the sections, so that checking them needs no torch."""
