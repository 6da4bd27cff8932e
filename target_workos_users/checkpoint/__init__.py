"""What is loaded, and what is said of it; ``resume``, ``run`` and ``journal`` do I/O, no other."""
