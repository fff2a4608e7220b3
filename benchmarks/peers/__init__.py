"""What one would run instead of this project, each as its own tutorial has it."""
