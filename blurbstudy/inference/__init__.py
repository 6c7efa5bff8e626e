"""What a fine-tuned model is used with: its directory, which transformers reads too, and predictions on new text."""
