"""One module or package per notebook: its grids and its tables."""
