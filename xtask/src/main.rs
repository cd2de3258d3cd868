//! Developers' commands of Highwater: a table of contents.

mod bench;
mod paths;
mod proof;
mod services;
mod shell;
mod test;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Developers' commands of Highwater")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run every check and every test; the servers they need are brought up and taken down
    Test(test::Arguments),
    /// Measure how fast rows move on the real servers, beside the barest pipe
    Bench(bench::Arguments),
    /// Run a proof that is too long for every day
    #[command(subcommand)]
    Proof(proof::Proof),
    /// Bring up the real servers that tests run against
    #[command(subcommand)]
    Services(services::command::Command),
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().command {
        Command::Test(arguments) => test::run(&arguments),
        Command::Bench(arguments) => bench::run(&arguments),
        Command::Proof(proof) => proof::run(&proof),
        Command::Services(command) => services::command::run(command),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
