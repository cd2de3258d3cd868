//! Apache Kafka: its own jars from the Maven registry, one node that is broker and controller.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use super::native::{Recipe, Site};
use super::{packages, process};
use crate::shell;

pub struct Kafka;

/// Any 22 characters that spell 16 bytes.
const CLUSTER: &str = "HighwaterTestKafka000A";

/// The broker, and a logger for it: the registry's jars bring none, and a failure would leave no trace.
const POM: &str = "<project>
  <modelVersion>4.0.0</modelVersion>
  <groupId>highwater</groupId>
  <artifactId>test-kafka</artifactId>
  <version>1</version>
  <dependencies>
    <dependency>
      <groupId>org.apache.kafka</groupId>
      <artifactId>kafka_2.13</artifactId>
      <version>4.3.1</version>
    </dependency>
    <dependency>
      <groupId>org.slf4j</groupId>
      <artifactId>slf4j-simple</artifactId>
      <version>1.7.36</version>
    </dependency>
  </dependencies>
</project>
";

impl Recipe for Kafka {
    fn provide(&self, site: &Site) -> Result<()> {
        packages::program("java", &["default-jre-headless"], &site.log)?;
        let pom = site.packages.join("pom.xml");
        if library(site).exists() && fs::read_to_string(&pom).is_ok_and(|fetched| fetched == POM) {
            return Ok(());
        }
        let maven = packages::program("mvn", &["maven"], &site.log)?;
        println!("servers: fetching Kafka");
        let fresh = site.packages.join("lib.new");
        let _ = fs::remove_dir_all(&fresh);
        let _ = fs::remove_dir_all(library(site));
        fs::create_dir_all(&site.packages)?;
        fs::write(&pom, POM)?;
        let mut command = Command::new(maven);
        command.current_dir(&site.packages).args([
            "--quiet",
            "--batch-mode",
            "-Dstyle.color=never",
            "dependency:copy-dependencies",
            "-DoutputDirectory=lib.new",
        ]);
        shell::logged(&mut command, &site.log)?;
        fs::rename(&fresh, library(site)).context("cannot put the jars in place")
    }

    fn prepare(&self, site: &Site) -> Result<()> {
        fs::write(settings(site), properties(site))?;
        if site.data.join("meta.properties").exists() {
            return Ok(());
        }
        let mut format = Command::new("java");
        format
            .args(java(site))
            .args([
                "kafka.tools.StorageTool",
                "format",
                "--ignore-formatted",
                "-t",
                CLUSTER,
                "-c",
            ])
            .arg(settings(site));
        shell::logged(&mut format, &site.log)
    }

    fn command(&self, site: &Site) -> Result<Command> {
        let mut command = process::detached("java");
        command
            .args(["-Xms256m", "-Xmx512m"])
            .args(java(site))
            .arg("kafka.Kafka")
            .arg(settings(site));
        Ok(command)
    }

    fn is_configured(&self, _: &Site) -> bool {
        true
    }
}

fn java(site: &Site) -> [String; 4] {
    [
        "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn".to_owned(),
        "-Dorg.slf4j.simpleLogger.showDateTime=true".to_owned(),
        "-cp".to_owned(),
        format!("{}/*", library(site).display()),
    ]
}

fn properties(site: &Site) -> String {
    let [broker, controller] = site.ports;
    let data = site.data.display();
    format!(
        "process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{broker},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{broker}
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
inter.broker.listener.name=PLAINTEXT
log.dirs={data}
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
"
    )
}

fn settings(site: &Site) -> PathBuf {
    site.folder.join("server.properties")
}

fn library(site: &Site) -> PathBuf {
    site.packages.join("lib")
}
