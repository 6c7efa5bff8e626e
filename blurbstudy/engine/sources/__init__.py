"""Where data and encoders come from."""
