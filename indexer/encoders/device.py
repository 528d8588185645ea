"""The GPU that encoders would run on."""


def gpu() -> tuple[str, int] | None:
    """Name and memory in bytes of the GPU that torch can use, or None. Imports torch, which takes seconds."""
    import torch

    if not torch.cuda.is_available():
        return None
    properties = torch.cuda.get_device_properties(0)
    return str(properties.name), int(properties.total_memory)
