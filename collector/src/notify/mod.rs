//! Who is told what. [`notice`] is what a message says, as plain values; [`render`] writes it; [`letter`] makes a mail of it
//! and [`smtp`] hands that over; what became of it is an [`outcome`].

pub mod example;
pub mod letter;
pub mod notice;
pub mod outcome;
pub mod render;
pub mod smtp;
pub mod trust;
