//! The same rows whatever the server's time zone and SQL mode are. Alone: these are
//! settings of the whole server.

mod server;
mod summer;
mod types;
