"""Tables and figures of grids and summaries."""
