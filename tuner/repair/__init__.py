"""What is damaged, missing or unwanted: filled in, cleaned, coloured."""
