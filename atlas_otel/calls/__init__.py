"""One model call, whole: a reader for each wire form, and the ways out of it. Pure."""
