//! The whole entrance over memory stores, in process.

mod authz;
mod documents;
mod house;
mod lists;
mod media;
mod operations;
mod people;
mod problems;
mod reactions;
mod sockets;
mod videos;
mod web;
