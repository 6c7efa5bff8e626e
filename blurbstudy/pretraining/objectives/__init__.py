"""Pretraining objectives: masked language models, ELECTRA."""
