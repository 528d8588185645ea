"""Files of outcomes, and what they say of where they come from: opening, saving, recipes, provenance, rights."""
