//! One end-to-end case: a folder of settings and numbered steps.

use std::{
    borrow::Cow,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail, ensure};

use crate::{
    difference::difference,
    mongo,
    program::{self, Running},
    sql::{self, Sql},
    topic, wait,
    world::World,
};

/// Where the cases are.
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/e2e/cases")
}

/// Runs the case of that name; panics with what went wrong.
pub fn run(name: &str) {
    crate::in_a_world(name, async |world| steps(world, &folder().join(name)).await);
}

async fn steps(world: &World, folder: &Path) -> Result<()> {
    write_settings_in(world, folder)?;
    let mut running = None;
    for path in numbered(folder)? {
        let text = fs::read_to_string(&path)?;
        let step = Step::of(&path, world.fill(&text)?)?;
        step.run(world, &mut running)
            .await
            .with_context(|| format!("step {}", name_of(&path)))?;
    }
    ensure!(running.is_none(), "a command was started and not stopped");
    Ok(())
}

/// Puts the case's settings where the command looks for them.
///
/// # Errors
/// They cannot be copied.
pub fn write_settings_in(world: &World, folder: &Path) -> Result<()> {
    let settings = folder.join("settings.toml");
    fs::copy(&settings, world.folder.path().join("settings.toml"))
        .with_context(|| format!("{}", settings.display()))?;
    Ok(())
}

/// The step files in their order.
///
/// # Errors
/// One has no number of its own.
pub fn numbered(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut steps = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = name_of(&path);
        if name == "settings.toml" {
            continue;
        }
        let number = name.split_once('-').and_then(|(it, _)| it.parse().ok());
        let number: u32 = number.with_context(|| format!("`{name}` has no number"))?;
        steps.push((number, path));
    }
    steps.sort();
    ensure!(
        steps.windows(2).all(|it| it[0].0 != it[1].0),
        "two steps have one number"
    );
    Ok(steps.into_iter().map(|(_, path)| path).collect())
}

/// One thing that a case does, by the extension of its file.
pub enum Step {
    /// `.mongodb.json`: documents by collection, in extended JSON; replaced by `_id`.
    Seed(String),
    /// `.mysql.sql`, `.mariadb.sql`: statements.
    Change(Server, String),
    /// `.mysql.expect`, `.mariadb.expect`: a query in the first line, then its rows.
    Rows(Server, String),
    /// `.mongodb.expect`: a collection in the first line, then its documents by `_id`, as extended JSON.
    Documents(String),
    /// `.sqlite.sql`: a file in the first line, then statements.
    Sqlite(String),
    /// `.topic`: makes, removes or truncates topics; see `topic::change`.
    Topic(String),
    /// `.produce`: a topic in the first line, then messages: key, value, partition.
    Produce(String),
    /// `.offsets`: what groups have committed: group, topic, partition, offset.
    Offsets(String),
    /// `.kafka`: a topic's messages; see `topic::expect`.
    Messages(String),
    /// `.run`: arguments in the first line, then what has to hold at the end.
    Run(String),
    /// `.start`: arguments; later steps wait for what it does.
    Start(String),
    /// `.stop`: SIGTERM to what was started, then what has to hold at the end.
    Stop(String),
    /// `.file`: a path in the first line, then the content.
    File(String),
    /// `.file.expect`: a path in the first line, then `contains …`, `lacks …` or `is absent`.
    FileHolds(String),
}

#[derive(Clone, Copy)]
pub enum Server {
    Mysql,
    Mariadb,
}

impl Step {
    /// # Errors
    /// There is no such kind.
    pub fn of(path: &Path, text: String) -> Result<Self> {
        let name = name_of(path);
        let extension = name.split_once('.').map_or("", |(_, it)| it);
        Ok(match extension {
            "mongodb.json" => Self::Seed(text),
            "mysql.sql" => Self::Change(Server::Mysql, text),
            "mariadb.sql" => Self::Change(Server::Mariadb, text),
            "mysql.expect" => Self::Rows(Server::Mysql, text),
            "mariadb.expect" => Self::Rows(Server::Mariadb, text),
            "mongodb.expect" => Self::Documents(text),
            "sqlite.sql" => Self::Sqlite(text),
            "topic" => Self::Topic(text),
            "produce" => Self::Produce(text),
            "offsets" => Self::Offsets(text),
            "kafka" => Self::Messages(text),
            "run" => Self::Run(text),
            "start" => Self::Start(text),
            "stop" => Self::Stop(text),
            "file" => Self::File(text),
            "file.expect" => Self::FileHolds(text),
            _ => bail!("`{name}`: there is no kind of step `.{extension}`"),
        })
    }

    /// # Errors
    /// What it says does not hold.
    pub async fn run(self, world: &World, running: &mut Option<Running>) -> Result<()> {
        match self {
            Self::Seed(text) => mongo::seed(&world.mongodb().await?, &text).await,
            Self::Change(server, text) => server.open(world).await?.run(&text).await,
            Self::Rows(server, text) => rows(&mut server.open(world).await?, &text).await,
            Self::Documents(text) => documents(world, &text).await,
            Self::Sqlite(text) => {
                let (file, statements) = first_line(&text);
                sql::run_in_file(&world.folder.path().join(file), statements).await
            }
            Self::Topic(text) => topic::change(world, &text).await,
            Self::Produce(text) => topic::produce(world, &text),
            Self::Offsets(text) => topic::offsets(world, &text),
            Self::Messages(text) => topic::expect(world, &text).await,
            Self::Run(text) => {
                let (arguments, expected) = first_line(&text);
                let ended = program::run(world, arguments).await?;
                ended.expect(expected, world.folder.path())
            }
            Self::Start(text) => {
                ensure!(running.is_none(), "something runs already");
                *running = Some(program::start(world, text.trim())?);
                Ok(())
            }
            Self::Stop(text) => {
                let mut started = running.take().context("nothing was started")?;
                started.terminate().with_context(|| started.said("err"))?;
                started.ended().await?.expect(&text, world.folder.path())
            }
            Self::File(text) => {
                let (path, content) = first_line(&text);
                let path = world.folder.path().join(path);
                fs::create_dir_all(path.parent().context("no folder")?)?;
                Ok(fs::write(
                    path,
                    content.strip_suffix('\n').unwrap_or(content),
                )?)
            }
            Self::FileHolds(text) => file_holds(world.folder.path(), &text),
        }
    }
}

impl Server {
    async fn open(self, world: &World) -> Result<Sql> {
        match self {
            Self::Mysql => world.mysql().await,
            Self::Mariadb => world.mariadb().await,
        }
    }
}

async fn rows(sql: &mut Sql, text: &str) -> Result<()> {
    let (query, rows) = first_line(text);
    let expected: Vec<_> = rows.lines().map(str::to_owned).collect();
    let same = |_: &[String]| expected.clone();
    let found = wait::until_equal(same, wait::SOON, async || sql.rows(query).await).await?;
    match difference(&expected, &found) {
        None => Ok(()),
        Some(text) => bail!("{query}\n{text}"),
    }
}

async fn documents(world: &World, text: &str) -> Result<()> {
    let (collection, expected) = first_line(text);
    let expected: Vec<_> = expected.lines().map(str::to_owned).collect();
    let found = mongo::documents(&world.mongodb().await?, collection).await?;
    match difference(&expected, &found) {
        None => Ok(()),
        Some(text) => bail!("{collection}\n{text}"),
    }
}

fn file_holds(folder: &Path, text: &str) -> Result<()> {
    let (name, lines) = first_line(text);
    let path = folder.join(name);
    if lines.trim() == "is absent" {
        ensure!(!path.exists(), "{name} is there");
        return Ok(());
    }
    let content = fs::read_to_string(&path).with_context(|| name.to_owned())?;
    for line in lines.lines() {
        let holds = match line.split_once(' ') {
            Some(("contains", text)) => content.contains(text),
            Some(("lacks", text)) => !content.contains(text),
            _ => bail!("`{line}` is no expectation of a file"),
        };
        ensure!(holds, "{name}: does not hold: {line}\n{content}");
    }
    Ok(())
}

fn name_of(path: &Path) -> Cow<'_, str> {
    path.file_name().unwrap_or_default().to_string_lossy()
}

/// A text's first line, and the rest.
pub fn first_line(text: &str) -> (&str, &str) {
    let (first, rest) = text.split_once('\n').unwrap_or((text, ""));
    (first.trim(), rest)
}
