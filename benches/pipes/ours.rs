//! Our side: the program as people run it, with settings of its own.

use std::{fs, path::Path, process::Command};

use anyhow::Result;

use crate::{
    pipe::{Pipe, Way},
    seldom::{EVERY, FEW},
    servers::{Servers, TABLE, Target, create_topic},
};

/// `highwater`, told to move the rows; its settings, cursors and log are in `folder`.
pub fn command(
    (pipe, way): (Pipe, Way),
    servers: &Servers,
    target: &Target,
    folder: &Path,
) -> Result<Command> {
    let (Target::Topic(name) | Target::Database(name)) = target;
    let settings = folder.join("settings.toml");
    fs::write(&settings, text((pipe, way), servers, name))?;
    let mut command = Command::new(env!("CARGO_BIN_EXE_highwater"));
    command.arg("--settings").arg(settings).current_dir(folder);
    match pipe {
        Pipe::MysqlToKafka | Pipe::MongodbToKafka => {
            command.args(["sync", "--data-type", DATA_TYPE]);
            if let Way::Full(_) = way {
                command.arg("--full-amount");
            }
            command.env(MYSQL, servers.mysql_url(&servers.rows()));
        }
        Pipe::KafkaToMysql => {
            command.args(["sink", "--data-type", DATA_TYPE]);
            if way != Way::Seldom {
                command.arg("--until-caught-up");
            }
            command.env(MYSQL, servers.mysql_url(name));
        }
        Pipe::Migrate => {
            match way {
                Way::Verify(sums) => command.args(["verify", "--sums", sums]),
                _ => command.arg("migrate"),
            };
            command.args(["--task", DATA_TYPE]);
            command.env(MYSQL, servers.mysql_url(&servers.rows()));
            command.env(TARGET, servers.mysql_url(name));
        }
    }
    Ok(command)
}

const DATA_TYPE: &str = "orders";
/// The variable that carries the URL: the settings file holds no password.
const MYSQL: &str = "HIGHWATER_BENCH_MYSQL_URL";

const TARGET: &str = "HIGHWATER_BENCH_TARGET_URL";

/// The settings; what they do not say is the default.
fn text((pipe, way): (Pipe, Way), servers: &Servers, name: &str) -> String {
    let limits = match way {
        Way::Incremental => String::new(),
        Way::Full(workers) => format!(", workers = {workers}"),
        // So many rows of these are more than the default's bytes.
        Way::Batches(rows) => {
            format!(", batch = {{ rows = {rows}, bytes = \"16MiB\", wait = \"1s\" }}")
        }
        Way::Seldom => {
            let wait = EVERY.as_secs();
            format!(", batch = {{ rows = {FEW}, wait = \"{wait}s\" }}")
        }
        Way::Writers(_) | Way::BesideDump(_) | Way::Verify(_) => return task(way),
    };
    let read = servers.rows();
    let (connections, topic, ends) = match pipe {
        Pipe::MysqlToKafka => (
            mysql(),
            name,
            format!(
                "from = {{ connection = \"mysql\", table = \"{TABLE}\", incremental = \"id\"{limits} }}"
            ),
        ),
        Pipe::MongodbToKafka => (
            mongodb(servers),
            name,
            format!("from = {{ connection = \"mongodb\", collection = \"{TABLE}\"{limits} }}"),
        ),
        Pipe::KafkaToMysql | Pipe::Migrate => (
            mysql(),
            read.as_str(),
            format!(
                "into = {{ connection = \"mysql\", table = \"{TABLE}\", group = \"{name}\"{limits} }}"
            ),
        ),
    };
    let brokers: Vec<_> = servers
        .brokers
        .split(',')
        .map(|it| format!("{it:?}"))
        .collect();
    format!(
        "{connections}\n\
         [connections.kafka]\nkind = \"kafka\"\nbrokers = [{}]\n\n\
         [data-types.{DATA_TYPE}]\nformat = \"json\"\nbroker = \"kafka\"\ntopic = \"{topic}\"\n\
         create-topic = {}\n{ends}\n",
        brokers.join(", "),
        create_topic(),
    )
}

/// A task without a broker.
fn task(way: Way) -> String {
    let writers = match way {
        Way::Writers(writers) | Way::BesideDump(writers) => writers,
        _ => 1,
    };
    format!(
        "{}[connections.target]\nkind = \"mysql\"\nurl = \"${{{TARGET}}}\"\n\n\
         [tasks.{DATA_TYPE}]\n\
         from = {{ connection = \"mysql\", table = \"{TABLE}\", incremental = \"id\", workers = {writers} }}\n\
         into = {{ connection = \"target\", table = \"{TABLE}\", writers = {writers} }}\n",
        mysql()
    )
}

fn mysql() -> String {
    format!("[connections.mysql]\nkind = \"mysql\"\nurl = \"${{{MYSQL}}}\"\n")
}

fn mongodb(servers: &Servers) -> String {
    format!(
        "[connections.mongodb]\nkind = \"mongodb\"\nurl = \"${{HIGHWATER_TEST_MONGODB_URL}}\"\n\
         database = \"{}\"\n",
        servers.rows()
    )
}
