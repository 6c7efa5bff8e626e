"""What the command `pretrain` prints and writes."""
