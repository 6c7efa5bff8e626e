"""How much memory and time runs need."""
