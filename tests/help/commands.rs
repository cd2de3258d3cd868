//! The commands that the help shows, and the examples that stand in it.

/// A command and the words that lead to it: `highwater cursor set`.
pub struct Found {
    pub path: String,
    pub command: clap::Command,
}

/// Every command that the help shows, `highwater` itself first.
pub fn commands() -> Vec<Found> {
    fn add(path: &str, command: &clap::Command, found: &mut Vec<Found>) {
        found.push(Found {
            path: path.to_owned(),
            command: command.clone(),
        });
        for it in command.get_subcommands().filter(|it| !it.is_hide_set()) {
            add(&format!("{path} {}", it.get_name()), it, found);
        }
    }
    let mut command = highwater::cli::command().disable_help_subcommand(true);
    command.build();
    let mut found = Vec::new();
    add("highwater", &command, &mut found);
    assert!(found.len() > 20, "commands are missing");
    found
}

/// The lines of a command's examples that people would copy, each as a shell reads it.
pub fn examples(command: &clap::Command) -> Vec<String> {
    let text = command.get_before_long_help().map(ToString::to_string);
    let text = text.unwrap_or_default().replace("\\\n", " ");
    let lines = text.lines().skip(1).map(str::trim);
    let copied = lines.filter(|it| !it.is_empty() && !it.starts_with('#'));
    copied.map(str::to_owned).collect()
}

/// The words of the call of `highwater` in a line of a shell, if it has one.
pub fn call(line: &str) -> Option<Vec<String>> {
    let from = line.find("highwater ")?;
    let is_call = from == 0 || line[..from].ends_with("<(");
    let call = &line[from..];
    let end = call.find(['|', '>', ')']).unwrap_or(call.len());
    is_call.then(|| shlex::split(&call[..end]).expect("closed quotes"))
}
