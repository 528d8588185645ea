"""Jobs: what somebody asked to be made, kept in the catalogue, in turn for every owner, made in a process apart."""
