//! Files that are damaged, half written, or held by another.

use super::*;

fn flow(topic: &str) -> FlowName {
    FlowName {
        data_type: "information".into(),
        topic: topic.into(),
        source: "crawler.raw/列表".into(),
    }
}

#[test]
fn a_flow_is_found_by_its_file() {
    let name = flow("a%b@c").text();
    assert_eq!(flow_of(Path::new(&file_name(&name))), name);
    assert_ne!(file_name("a/b"), file_name("a@b"));
    // Cursors are found by it after an update of Highwater.
    let long = file_name(&"信".repeat(100));
    assert!(long.ends_with("%e4~4a2ec48385b6ea6d.json"), "{long}");
    assert_ne!(long, file_name(&"信".repeat(101)));
}

#[tokio::test]
async fn a_file_that_is_cut_or_altered_anywhere_is_never_read_as_from_the_start() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = FileCursors::new(folder.path());
    let mut lease = store.lease(&flow("t")).await.expect("free");
    lease
        .save(&Position::new("{\"after\":1}"))
        .await
        .expect("saved");
    let path = store.location(&flow("t"));
    let whole = fs::read(&path).expect("written");
    let is_reported = |error: CursorError| {
        let text = error.to_string();
        assert!(
            text.contains(&path) && text.contains("cursor reset"),
            "{text}"
        );
    };
    // The last byte ends the line: without it, nothing is missing.
    for cut in 0..whole.len() - 1 {
        fs::write(&path, &whole[..cut]).expect("cut");
        is_reported(lease.load().await.expect_err("it is damaged"));
    }
    for at in 0..whole.len() {
        for bit in 0..8 {
            let mut altered = whole.clone();
            altered[at] ^= 1 << bit;
            fs::write(&path, &altered).expect("altered");
            match lease.load().await {
                Err(error) => is_reported(error),
                // A digit of the position may be another: people may set it by hand.
                Ok(found) => assert!(found.is_some(), "read as from the start"),
            }
        }
    }
}

#[tokio::test]
async fn a_link_that_leads_nowhere_or_to_no_end_is_never_read_as_from_the_start() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = FileCursors::new(folder.path());
    let mut lease = store.lease(&flow("t")).await.expect("free");
    let path = store.location(&flow("t"));
    for target in ["nowhere/cursor.json", "/dev/zero"] {
        std::os::unix::fs::symlink(target, &path).expect("linked");
        let error = lease.load().await.expect_err("it is no cursor");
        assert!(error.to_string().contains(&path), "{error}");
        fs::remove_file(&path).expect("removed");
    }
}
