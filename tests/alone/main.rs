//! What other tests must not run beside: it changes a whole server, or leaves transactions open that
//! hold back every reader of it. One group, a folder, at a time; targets run one after another.

#[allow(dead_code, reason = "the end-to-end tests use all of it")]
#[path = "../e2e/case.rs"]
mod case;
#[path = "../e2e/difference.rs"]
mod difference;
mod gate;
#[allow(dead_code, reason = "the end-to-end tests use all of it")]
#[path = "../e2e/kafka.rs"]
mod kafka;
mod late;
#[path = "../e2e/mongo.rs"]
mod mongo;
mod paused;
#[allow(dead_code, reason = "the end-to-end tests use all of it")]
#[path = "../e2e/program.rs"]
mod program;
mod rebalances;
mod refused;
mod replicas;
#[path = "../schedules/mod.rs"]
mod schedules;
mod schedules_on_servers;
#[path = "../e2e/servers.rs"]
mod servers;
#[path = "../e2e/sql.rs"]
mod sql;
mod status;
#[path = "../e2e/topic.rs"]
mod topic;
#[path = "../e2e/wait.rs"]
mod wait;
#[path = "../e2e/world.rs"]
mod world;
mod zones;

use gate::gate;
use world::in_a_world;
