//! The registry of codes: what each number means, and what to do, decided before the night.
