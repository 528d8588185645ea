"""Materials: names that the vocabulary scores like any other tag, and that product catalogues want for themselves."""

from search.tags.rows import key_of

MATERIALS = (
    *("leather", "suede", "faux leather", "denim", "wool", "cotton", "linen", "silk", "satin", "velvet", "lace", "fur"),
    *("fleece", "canvas", "nylon", "polyester", "mesh", "felt", "knitwear", "fabric", "rubber", "plastic", "foam"),
    *("wood", "bamboo", "cork", "wicker", "paper", "cardboard", "metal", "steel", "iron", "aluminium", "copper"),
    *("brass", "gold", "silver", "chrome", "glass", "crystal", "ceramic", "porcelain", "stone", "marble", "granite"),
    *("concrete", "brick", "clay", "pearl", "diamond"),
)
"""Their names, in English."""
_KEYS = frozenset(map(key_of, MATERIALS))


def is_material(name: str) -> bool:
    """Whether a tag's own name is that of a material."""
    return key_of(name) in _KEYS
