"""What is loaded, and what is said of it. Only ``resume`` and ``outputs`` do I/O."""
