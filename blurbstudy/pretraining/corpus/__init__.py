"""Corpora for pretraining: documents, vocabulary, tokens, sequences."""
