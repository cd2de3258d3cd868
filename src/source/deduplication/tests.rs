//! The deduplication window over restarts, and what it forgets rather than guesses.

use super::*;

fn settings(folder: &tempfile::TempDir, most: usize) -> DeduplicationSettings {
    DeduplicationSettings {
        file: Some(folder.path().join("flow.early")),
        most,
    }
}

async fn send(window: &mut DeduplicationWindow, rows: &[(u128, u128)]) -> Sent {
    for (key, digest) in rows {
        window.remember(*key, *digest);
    }
    window.hand_over().await;
    window.sent()
}

async fn reopened(settings: &DeduplicationSettings, sent: Sent) -> DeduplicationWindow {
    DeduplicationWindow::open("t", settings, Some(sent)).await
}

#[tokio::test]
async fn what_was_carried_later_than_the_position_is_forgotten() {
    let folder = tempfile::tempdir().unwrap();
    let settings = settings(&folder, 10);
    let mut window = DeduplicationWindow::open("t", &settings, None).await;
    let first = send(&mut window, &[(1, 10), (2, 20)]).await;
    let second = send(&mut window, &[(2, 21), (3, 30)]).await;
    let mut at_second = reopened(&settings, second).await;
    assert!(at_second.is_sent(2, 21) && at_second.is_sent(3, 30) && !at_second.is_sent(2, 20));
    let mut at_first = reopened(&settings, first).await;
    assert!(at_first.is_sent(1, 10));
    // It may have been delivered as 21: what it was before must not keep it from being sent.
    assert!(!at_first.is_sent(2, 20) && !at_first.is_sent(2, 21) && !at_first.is_sent(3, 30));
    // And nothing of the attempt that failed comes back behind later batches of that number.
    let reread = send(&mut at_first, &[(9, 90)]).await;
    let mut at_again = reopened(&settings, reread).await;
    assert!(at_again.is_sent(9, 90) && !at_again.is_sent(3, 30));
}

#[tokio::test]
async fn a_lost_a_damaged_and_a_foreign_file_are_all_forgotten() {
    let folder = tempfile::tempdir().unwrap();
    let settings = settings(&folder, 10);
    let path = settings.file.clone().unwrap();
    let mut window = DeduplicationWindow::open("t", &settings, None).await;
    let sent = send(&mut window, &[(1, 10)]).await;
    let sent = Sent {
        batch: send(&mut window, &[(2, 20)]).await.batch,
        ..sent
    };
    let whole = std::fs::read(&path).unwrap();
    let mut window = reopened(&settings, sent).await;
    assert!(window.is_sent(1, 10) && window.is_sent(2, 20));
    for length in 0..whole.len() {
        std::fs::write(&path, &whole[..length]).unwrap();
        let mut window = reopened(&settings, sent).await;
        // Whole blocks are true; a cut one makes all of it worthless.
        assert!(!window.is_sent(2, 20), "{length}");
    }
    for at in 24..whole.len() {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        std::fs::write(&path, &bytes).unwrap();
        let mut window = reopened(&settings, sent).await;
        assert!(!window.is_sent(1, 10) && !window.is_sent(2, 20), "{at}");
    }
    std::fs::write(&path, &whole).unwrap();
    let other = Sent {
        life: sent.life + 1,
        ..sent
    };
    assert!(!reopened(&settings, other).await.is_sent(1, 10));
    std::fs::remove_file(&path).unwrap();
    assert!(!reopened(&settings, sent).await.is_sent(1, 10));
}

#[tokio::test]
async fn a_place_without_a_memory_begins_another_life() {
    let folder = tempfile::tempdir().unwrap();
    let settings = settings(&folder, 10);
    let mut window = DeduplicationWindow::open("t", &settings, None).await;
    let sent = send(&mut window, &[(1, 10)]).await;
    let mut reset = DeduplicationWindow::open("t", &settings, None).await;
    assert!(!reset.is_sent(1, 10) && reset.sent().life != sent.life);
}

#[tokio::test]
async fn what_is_over_the_room_is_not_remembered_and_room_comes_back() {
    let mut window = DeduplicationWindow::open(
        "t",
        &DeduplicationSettings {
            file: None,
            most: 2,
        },
        None,
    )
    .await;
    send(&mut window, &[(1, 10), (2, 20), (3, 30)]).await;
    assert!(window.is_sent(1, 10) && window.is_sent(2, 20) && !window.is_sent(3, 30));
    assert!(!window.has_room());
    window.end_pass().await;
    assert!(window.pass_by(1, 10), "settled, and not sent again");
    assert!(window.has_room());
    send(&mut window, &[(4, 40)]).await;
    assert!(window.is_sent(4, 40));
}

#[tokio::test]
async fn what_is_passed_is_known_for_a_while_and_then_forgotten() {
    let mut window = DeduplicationWindow::open("t", &DeduplicationSettings::default(), None).await;
    send(&mut window, &[(1, 10), (2, 20)]).await;
    window.end_pass().await;
    window.pass_by(1, 10);
    for _ in 0..KEPT - 1 {
        window.is_sent(2, 20);
        window.end_pass().await;
    }
    assert!(window.rows.contains_key(&1));
    for _ in 0..2 {
        window.is_sent(2, 20);
        window.end_pass().await;
    }
    assert_eq!(window.rows.len(), 1, "the one that is still in the window");
}
