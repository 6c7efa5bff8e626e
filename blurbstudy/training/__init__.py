"""Fine-tuning of populations: optimizer, learning-rate schedule, training loop, evaluation, and run records."""
