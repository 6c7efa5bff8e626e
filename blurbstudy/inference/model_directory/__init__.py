"""A fine-tuned model's directory: weights, tokenizer, metadata, card."""
