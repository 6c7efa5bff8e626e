"""blurbstudy: stable fine-tuning of biomedical encoders, and honest measurement of it (after Tinn et al. 2021)."""

__version__ = "0.1.0"
