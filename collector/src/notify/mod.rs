//! Who is told what: [`notice`] is what a message says, as plain values.

pub mod notice;
