"""Directories of fine-tuned models: weights, tokenizer, metadata and model card."""
