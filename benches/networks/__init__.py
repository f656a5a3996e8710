"""The textbook's convolutional network and an MLP, written out in NumPy."""
