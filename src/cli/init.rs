//! `keur init`: a configuration to start from.

use std::path::PathBuf;

use clap::{Args, ValueHint};

use super::{Failure, Outcome, Terminal, output};
use crate::policy::SHIPPED;
use crate::words::counted;

/// Options of `keur init`.
#[derive(Debug, Args)]
pub(super) struct InitArgs {
    /// The folder to write to; `-` prints the configuration
    #[arg(default_value = ".", value_hint = ValueHint::DirPath)]
    folder: PathBuf,
    /// Write the shipped policies as well, to change them
    #[arg(long)]
    policies: bool,
}

const CONFIG: &str = include_str!("../../demo/init.yaml");

pub(super) fn run(args: InitArgs, terminal: &Terminal) -> Outcome {
    if args.folder.as_os_str() == "-" && !args.policies {
        return output::stdout(CONFIG.as_bytes());
    }
    if args.folder.is_file() {
        return Err(Failure::usage(format!("{}: is a file, and a folder is needed", args.folder.display()))
            .hint("name a folder, or none for this one"));
    }
    output::check_folder(&args.folder, "with --policies, the place to write to")?;
    let mut files = vec![(args.folder.join("keur.yaml"), CONFIG.to_owned())];
    if args.policies {
        files[0].1 = CONFIG.replace("policies: [shipped]", "policies: [policies]");
        files.extend(SHIPPED.iter().map(|(name, text)| (args.folder.join(name), (*text).to_owned())));
    }
    if let Some((path, _)) = files.iter().find(|(path, _)| path.symlink_metadata().is_ok()) {
        return Err(Failure::usage(format!("{}: is there already; nothing was written", path.display())));
    }
    for (path, text) in &files {
        if let Some(folder) = path.parent() {
            output::make_folder(folder)?;
        }
        output::to_file(path, text.as_bytes())?;
    }
    terminal.say(&format!("wrote {}", files[0].0.display()));
    if args.policies {
        terminal.say(&format!("wrote {}", counted(files.len() - 1, "file of policies", "files of policies")));
    }
    terminal.say("next: change it to your accounts and environments, then `keur permissions` and `keur check`");
    Ok(0)
}
