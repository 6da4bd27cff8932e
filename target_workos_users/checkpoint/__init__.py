"""What is loaded, what is said of it, and where a run starts; ``resume`` and ``journal`` do I/O."""
