"""What is loaded, and what is said of it. Only ``resume``, ``outputs`` and ``journal`` do I/O."""
