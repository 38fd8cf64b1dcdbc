"""Training: QLoRA instruction tuning through Unsloth, on a CPU or one GPU, with the same code."""
