"""New pictures out of several: styles, cut-outs, collages, mosaics."""
