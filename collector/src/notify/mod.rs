//! Who is told what. [`notice`] is what a message says, as plain values; [`render`] writes it, or a site's own
//! [`template`] does. [`letter`] makes a mail of it and [`smtp`] hands that over; [`webhook`] and [`alertmanager`] post it by
//! [`http`]. What became of it is an [`outcome`].

pub mod alertmanager;
pub mod example;
pub mod http;
pub mod letter;
pub mod notice;
pub mod outcome;
pub mod render;
pub mod smtp;
pub mod template;
pub mod trust;
pub mod webhook;
