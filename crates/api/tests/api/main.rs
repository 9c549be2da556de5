//! The whole entrance over memory stores, in process.

mod authz;
mod captions;
mod connections;
mod cover;
mod documents;
mod events;
mod feed;
mod house;
mod lists;
mod media;
mod moderation;
mod operations;
mod people;
mod problems;
mod reactions;
mod sockets;
mod uploads;
mod videos;
mod web;
