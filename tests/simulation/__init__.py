"""The whole daemon in simulated time: one seed is one world, its faults, and what must hold."""
