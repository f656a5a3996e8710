"""Weights on the disk: written so that a crash leaves the old file or the new, read as if they were hostile."""
