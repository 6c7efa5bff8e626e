"""Are probabilities what they say? Maps fitted on dev, calibration error and risk by coverage on test."""
