"""What people call from Python: fine-tune, score, predict, recommend, export."""
