//! Every type, read and written by `highwater` in three zones of the server and as many SQL modes:
//! the same bytes on Kafka, and the same values in the target by the server's own comparison.

use std::fs;

use anyhow::{Result, ensure};
use rdkafka::Message;

use super::server::{Globals, Server};
use crate::{
    case::{self, Step},
    gate, in_a_world,
    world::World,
};

#[test]
fn every_type_of_mysql_is_the_same_in_every_zone_and_mode() {
    let _gate = gate("zones");
    in_every_world("every_type_of_mysql", Server::Mysql);
}

#[test]
fn every_type_of_mariadb_is_the_same_in_every_zone_and_mode() {
    let _gate = gate("zones");
    in_every_world("every_type_of_mariadb", Server::Mariadb);
}

/// The keys and values of both topics.
type Published = Vec<(Option<Vec<u8>>, Option<Vec<u8>>)>;

fn in_every_world(name: &str, server: Server) {
    let mut first: Option<Published> = None;
    for globals in server.worlds() {
        in_a_world(name, async |world| {
            let mut published = Vec::new();
            let test = async || {
                published = play(world, name, server, &globals).await?;
                Ok(())
            };
            server.with_summer(world, test).await?;
            ensure!(published.len() == 20, "{} messages", published.len());
            match &first {
                None => first = Some(published),
                Some(first) => ensure!(*first == published, "other bytes under {globals:?}"),
            }
            Ok(())
        });
    }
}

/// Plays the case of that name; only where `highwater` runs are the globals as they are asked for,
/// so that what is sown and how it is compared is always the same.
async fn play(world: &World, name: &str, server: Server, globals: &Globals) -> Result<Published> {
    let folder = case::folder().join(name);
    case::write_settings_in(world, &folder)?;
    let before = server.globals(world).await?;
    let mut running = None;
    for path in case::numbered(&folder)? {
        let text = world.fill(&fs::read_to_string(&path)?)?;
        let step = Step::of(&path, text)?;
        let is_ours = matches!(step, Step::Run(_));
        let now = if is_ours { globals } else { &before };
        server.set(world, now).await?;
        let ran = step.run(world, &mut running).await;
        ran.map_err(|error| error.context(format!("{} under {globals:?}", path.display())))?;
    }
    let mut published = Vec::new();
    for topic in [world.topic.clone(), format!("{}-protobuf", world.topic)] {
        for message in world.kafka.read(&topic)? {
            let owned = |it: Option<&[u8]>| it.map(<[u8]>::to_vec);
            published.push((owned(message.key()), owned(message.payload())));
        }
    }
    Ok(published)
}
