//! The `highwater` command.

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let cli = highwater::cli::Cli::parse();
    // Two providers are linked; without a choice the first handshake would panic. It fails only
    // where one was installed before, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    match runtime {
        Ok(runtime) => {
            let code = runtime.block_on(highwater::app::run(cli));
            // A thread that is stuck in a client library must not keep a finished process.
            runtime.shutdown_timeout(std::time::Duration::from_secs(1));
            code
        }
        Err(error) => {
            eprintln!("highwater: the runtime cannot start: {error}");
            ExitCode::FAILURE
        }
    }
}
