"""Parameters of notebook 01."""

from __future__ import annotations

from pydantic import Field

from ...study.parameters import TaskTypeParameters

NOTEBOOK = "01_pretraining_ablation"


class Parameters(TaskTypeParameters):
    """Parameters of notebook 01."""

    pretraining_seeds: int = Field(
        ge=1, le=100, description="how often each objective given as pretrain:... is pretrained (seeds 0 to n - 1)"
    )
    segment_ids: bool = Field(
        description="whether to cross segment ids (two or one) with the objectives on the tasks of two texts"
    )
    brief_tokens: int = Field(
        ge=0, description="tokens of a BERT that is pretrained on the spot to show how, and not fine-tuned; 0: none"
    )

    @property
    def encoder_specs(self) -> dict[str, str | None]:
        """The encoders that are compared, and the one that is pretrained on the spot."""
        brief = {self.brief_encoder: f"pretrain:bert?tokens={self.brief_tokens}@0"} if self.brief_encoder else {}
        return {**self.encoders, **brief}

    @property
    def brief_encoder(self) -> str:
        """Display name of the encoder that is pretrained on the spot; '': none."""
        return f"BERT, {self.brief_tokens:,} tokens, on the spot" if self.brief_tokens else ""
