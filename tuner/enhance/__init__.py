"""Better pictures of what is there: light, colour, noise, sharpness, size."""
