"""What surrounds a run: the program and its machine, the code's state, what is printed, and how busy the machine is."""
