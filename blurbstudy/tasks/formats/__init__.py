"""File formats: BLURB's, CoNLL, brat, PubTator."""
