//! Who is told what: [`notice`] is what a message says, as plain values; [`render`] writes it.

pub mod example;
pub mod notice;
pub mod render;
