"""Pictures made and changed by diffusion models."""
