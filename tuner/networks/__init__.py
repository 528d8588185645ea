"""Networks that repair and enlarge pictures: weights from files, run in parts on what the machine has."""
