//! `signal`: see the crate docs and `signal help`.

use clap::Parser;
use std::process::ExitCode;

fn main() -> ExitCode {
    signal::run::main(signal::cli::Cli::parse())
}
