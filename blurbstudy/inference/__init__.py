"""Prediction with fine-tuned models: model directories, which transformers reads too, readers, and output formats."""
