"""What watches libraries train: patches that are put in place and taken back, and the captures that record through them."""
