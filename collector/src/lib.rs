//! The collector: receives the frames of hansho agents, keeps them, and shows what to do now.
//!
//! The map. Data flows to the right, and a room imports only what stands left of it:
//!
//! `ingest → store → presence → handling → notify → alive → people → api → web → cli`
//!
//! All may import [`limit`], [`clock`], [`codes`] (what the registry says of a code), [`config`], [`directory`] (who owns what), [`keys`], [`plain`] (harmless text), [`zone`] and [`planted`]; [`cli`] wires
//! everything.
#![forbid(unsafe_code)]

pub mod alive;
pub mod api;
pub mod cli;
pub mod clock;
pub mod codes;
pub mod config;
pub mod directory;
pub mod exit;
pub mod handling;
pub mod host;
pub mod ingest;
pub mod keys;
pub mod limit;
pub mod logger;
pub mod notify;
pub mod people;
pub mod plain;
pub mod planted;
pub mod presence;
pub mod store;
pub mod web;
pub mod zone;
