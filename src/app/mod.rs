//! The wiring: settings to adapters, commands to flows. The one module that knows all others.

// Its macros are for all that follow.
#[macro_use]
mod output;

mod attempt;
mod check;
mod context;
mod cursor;
mod dead_letters;
mod demo;
mod manual;
mod migrate;
mod open;
mod past_newest;
mod plan;
mod run;
mod select;
mod sink;
mod status;
mod stop;
mod sync;
mod test;
mod verify;

use std::{path::Path, process::ExitCode, time::Duration};

use crate::{
    cli::{Cli, Command, Everywhere, ExitStatus},
    fault::chain,
    settings::{self, Settings},
};
use context::App;
pub use run::scheduled::command_scope;

/// Does what the command line says, in a runtime of its own.
pub fn run(cli: &Cli) -> ExitCode {
    // Two providers are linked; without a choice the first handshake would panic. It fails only
    // where one was installed before, which is as good.
    #[cfg(any(feature = "mongodb", feature = "mysql"))]
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    match runtime {
        Ok(runtime) => {
            let code = runtime.block_on(run_command(cli));
            // A thread that is stuck in a client library must not keep a finished process.
            runtime.shutdown_timeout(Duration::from_secs(1));
            code
        }
        Err(error) => {
            err!("highwater: the runtime cannot start: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run_command(cli: &Cli) -> ExitCode {
    let status = match &cli.command {
        Command::Demo(demo) => demo::run(demo, &cli.everywhere).await,
        Command::Completions(arguments) => manual::completions(arguments),
        Command::Man(arguments) => manual::man(arguments, &cli.everywhere),
        Command::Check(check) if check.offline => check::offline(&cli.everywhere),
        _ => with_settings(cli).await,
    };
    let code = match status {
        Ok(status) => status.into(),
        Err(error) => {
            err!("highwater: {}", chain(error.as_ref()));
            ExitStatus::Failed.into()
        }
    };
    output::print::finish().map_or_else(
        |error| {
            err!("highwater: the answer cannot be written: {error}");
            ExitStatus::Failed.into()
        },
        |()| code,
    )
}

async fn with_settings(cli: &Cli) -> anyhow::Result<ExitStatus> {
    let settings = match load(&cli.everywhere) {
        Ok(settings) => settings,
        Err(status) => return Ok(status),
    };
    let (app, _telemetry) = App::start(settings, &cli.everywhere)?;
    let status = dispatch(&app, cli).await;
    app.open.close().await;
    status
}

async fn dispatch(app: &App, cli: &Cli) -> anyhow::Result<ExitStatus> {
    match &cli.command {
        Command::Sync(arguments) => sync::run(app, arguments).await,
        Command::Sink(arguments) => sink::run(app, arguments).await,
        Command::Migrate(arguments) => migrate::run(app, arguments).await,
        Command::Check(arguments) => check::run(app, arguments).await,
        Command::Plan(arguments) => plan::run(app, arguments).await,
        Command::Test(arguments) => test::run(app, arguments).await,
        Command::Verify(arguments) => verify::run(app, arguments).await,
        Command::Repair(arguments) => verify::repair::run(app, arguments).await,
        Command::Status(arguments) => status::run(app, arguments).await,
        Command::Cursor(arguments) => cursor::run(app, arguments).await,
        Command::DeadLetters(arguments) => dead_letters::run(app, arguments).await,
        Command::Run(_) => run::run(app, &cli.everywhere).await,
        Command::Schedule(command) => status::schedules::run(app, command).await,
        // `run_command` has taken these before.
        Command::Demo(_) | Command::Completions(_) | Command::Man(_) => Ok(ExitStatus::Usage),
    }
}

/// The settings, or every mistake on stderr.
fn load(everywhere: &Everywhere) -> Result<Settings, ExitStatus> {
    load_from(&everywhere.settings).map_err(|mistakes| {
        output::report::mistakes(&mistakes, everywhere.json);
        ExitStatus::Usage
    })
}

fn load_from(path: &Path) -> Result<Settings, settings::Mistakes> {
    settings::load(path, &|name| std::env::var(name).ok(), &command_scope)
}
