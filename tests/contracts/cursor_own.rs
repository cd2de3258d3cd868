//! What single stores of cursors do besides: files, and documents that a person may write in.

use std::{fs, path::Path};

use ::mongodb::bson::{Bson, Document, doc};
use highwater::{
    cursor::{CursorError, CursorStore, file::FileCursors},
    fault::chain,
};

use super::{
    cursor::{lease, listed, position},
    cursors::{LONG, Mongodb, Stores, flow},
};

fn files(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("a folder");
    let name = |it: std::io::Result<fs::DirEntry>| it.expect("an entry").file_name();
    let mut names: Vec<String> = entries
        .map(|it| name(it).to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

/// What a crash leaves beside a cursor file, in the middle of writing a new one.
#[tokio::test]
async fn a_half_written_new_file_is_harmless() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = FileCursors::new(folder.path());
    let mut lease = lease(&store, &flow("t")).await;
    lease.save(&position("1")).await.expect("saved");
    let path = store.location(&flow("t"));
    let new = Path::new(&path).with_extension("new");
    for left in [
        "",
        "{\"flow\":",
        "longer than any cursor could be: ".repeat(99).as_str(),
    ] {
        fs::write(&new, left).expect("left behind");
        assert_eq!(lease.load().await.expect("loaded"), Some(position("1")));
        assert_eq!(listed(&store).await.len(), 1);
        lease.save(&position("1")).await.expect("saved");
        assert!(!new.exists());
    }
    let text = fs::read_to_string(&path).expect("a text");
    assert!(text.contains("information/t/crawler.raw_list"), "{text}");
    assert_eq!(files(folder.path()).len(), 2, "a cursor and its lock");
}

/// A disk without room, and a path that cannot be one. (Rights stop no superuser.)
#[tokio::test]
async fn what_cannot_be_written_says_where_and_what_to_do() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = FileCursors::new(folder.path().join("cursors"));
    let mut full = lease(&store, &flow("t")).await;
    full.save(&position("1")).await.expect("saved");
    let path = store.location(&flow("t"));
    let new = Path::new(&path).with_extension("new");
    std::os::unix::fs::symlink("/dev/full", new).expect("linked");
    let error = full.save(&position("2")).await.expect_err("no room");
    let said = chain(&error);
    assert!(matches!(error, CursorError::Refused { .. }), "{said}");
    assert!(
        said.contains(&path) && said.contains("the disk is full"),
        "{said}"
    );
    assert_eq!(full.load().await.expect("the old one"), Some(position("1")));

    fs::write(folder.path().join("file"), "").expect("written");
    for below in [folder.path().join("file/cursors"), "/proc/cursors".into()] {
        let store = FileCursors::new(&below);
        let error = store.lease(&flow("t")).await.err().expect("no folder");
        let said = chain(&error);
        assert!(matches!(error, CursorError::Refused { .. }), "{said}");
        assert!(said.contains("`[cursors]`"), "{said}");
        assert!(said.contains(&below.display().to_string()), "{said}");
    }
}

/// A document in which someone wrote by hand: also what would be a place in JSON is none as a number.
#[tokio::test]
async fn a_mongodb_position_of_another_type_is_refused() {
    let stores = Mongodb::open().await;
    let store = stores.store(LONG).await;
    let mut lease = lease(&*store, &flow("t")).await;
    lease.save(&position("1")).await.expect("saved");
    for damage in [
        Bson::Int64(1),
        Bson::Document(doc! { "after": 1 }),
        Bson::Boolean(true),
    ] {
        stores.damage_with(&flow("t"), damage).await;
        let error = lease.load().await.expect_err("it is no text");
        assert!(matches!(error, CursorError::Damaged { .. }), "{error:?}");
        assert!(error.to_string().contains("no text"), "{error}");
        let listed = store.list().await.expect("listed");
        assert!(listed[0].position.is_err(), "{listed:?}");
    }
    stores.close().await;
}

/// What one member alone has, an election may take back. The server's own profile of the commands
/// says what they asked for.
#[tokio::test]
async fn a_mongodb_cursor_is_stored_and_read_by_a_majority() {
    let stores = Mongodb::open().await;
    let store = stores.store(LONG).await;
    let database = stores.database();
    let all = database.run_command(doc! { "profile": 2 }).await;
    all.expect("profiled");
    let mut lease = lease(&*store, &flow("t")).await;
    lease.load().await.expect("loaded");
    let none = database.run_command(doc! { "profile": 0 }).await;
    none.expect("no longer profiled");
    let location = format!("{}.highwater_cursors", database.name());
    let profile = database.collection::<Document>("system.profile");
    for asked in [
        doc! { "command.findAndModify": "highwater_cursors", "command.writeConcern.w": "majority",
        "command.writeConcern.j": true },
        doc! { "command.find": "highwater_cursors", "command.readConcern.level": "majority" },
    ] {
        let mut wanted = doc! { "ns": &location };
        wanted.extend(asked.clone());
        let found = profile.find_one(wanted).await.expect("asked");
        assert!(found.is_some(), "no command asked for {asked}");
    }
    stores.close().await;
}

/// A cursor file that was copied by hand in the place of another.
#[tokio::test]
async fn a_file_of_another_flow_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = FileCursors::new(folder.path());
    let mut one = lease(&store, &flow("one")).await;
    one.save(&position("1")).await.expect("saved");
    fs::copy(store.location(&flow("one")), store.location(&flow("two"))).expect("copied");
    let error = lease(&store, &flow("two")).await.load().await;
    let said = error.expect_err("it is another's").to_string();
    assert!(said.contains("belongs to flow information/one/"), "{said}");
}
