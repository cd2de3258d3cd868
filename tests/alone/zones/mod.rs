//! The same rows whatever the server's time zone and SQL mode are. These are settings of the whole
//! server: this is a target of its own, since targets run one after another.

#![allow(
    dead_code,
    reason = "the cases of tests/e2e bring more along than is used here"
)]

#[path = "../e2e/case.rs"]
mod case;
#[path = "../e2e/difference.rs"]
mod difference;
#[path = "../e2e/kafka.rs"]
mod kafka;
#[path = "../e2e/mongo.rs"]
mod mongo;
#[path = "../e2e/program.rs"]
mod program;
mod server;
#[path = "../e2e/servers.rs"]
mod servers;
#[path = "../e2e/sql.rs"]
mod sql;
mod summer;
#[path = "../e2e/topic.rs"]
mod topic;
mod types;
#[path = "../e2e/wait.rs"]
mod wait;
#[path = "../e2e/world.rs"]
mod world;

use world::in_a_world;
