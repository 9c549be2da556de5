//! Owners, the sweep and the eraser in a house of memory engines.

mod house;
mod owners;
mod sweep;
