"""Pretraining corpora: documents, vocabulary, token ids and training sequences."""
