"""Pretraining objectives: masked language modeling and ELECTRA."""
