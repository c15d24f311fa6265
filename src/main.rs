//! Parse, run, exit code.

fn main() -> std::process::ExitCode {
    keur::cli::main()
}
