//! Audit lines of the log: a cursor that was moved by hand, its position before, and the user.

use std::{env, os::unix::fs::MetadataExt};

use crate::{
    cursor::{CursorError, CursorLease},
    sink::Progress,
};

/// Where the cursor stands now. A damaged one is told as such: putting it right by hand is what
/// a person is here for.
///
/// # Errors
/// As `load`, but for `Damaged`.
pub(in crate::app) async fn stored(cursor: &mut dyn CursorLease) -> Result<String, CursorError> {
    match cursor.load().await {
        Ok(position) => Ok(position.map_or("none".into(), |it| it.to_string())),
        Err(CursorError::Damaged { reason, .. }) => Ok(format!("damaged: {reason}")),
        Err(error) => Err(error),
    }
}

/// Where a sink stands: partition and next offset, of each.
pub(in crate::app) fn written(progress: &[Progress]) -> String {
    let offsets: Vec<String> = progress
        .iter()
        .map(|it| format!("{}:{}", it.partition, it.next_offset))
        .collect();
    if offsets.is_empty() {
        "none".to_owned()
    } else {
        offsets.join(" ")
    }
}

/// Who runs this process. A name from the environment may be any; the number is the system's.
pub(super) fn user() -> String {
    let number = std::fs::metadata("/proc/self").map(|it| it.uid().to_string());
    let name = ["SUDO_USER", "USER", "LOGNAME"]
        .iter()
        .find_map(|it| env::var(it).ok().filter(|it| !it.is_empty()));
    match (name, number) {
        (Some(name), Ok(number)) => format!("{name} ({number})"),
        (Some(name), Err(_)) => name,
        (None, Ok(number)) => number,
        (None, Err(_)) => "unknown".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        cursor::{CursorStore, file::FileCursors},
        model::{FlowName, Position},
    };

    #[tokio::test]
    async fn where_a_cursor_stood_is_told_also_where_it_is_damaged() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = FileCursors::new(folder.path());
        let flow = FlowName {
            data_type: "information".into(),
            topic: "t".into(),
            source: "crawler.raw_list".into(),
        };
        let mut cursor = store.lease(&flow).await.expect("free");
        assert_eq!(stored(&mut *cursor).await.expect("told"), "none");
        cursor.save(&Position::new("[1]")).await.expect("saved");
        assert_eq!(stored(&mut *cursor).await.expect("told"), "[1]");
        std::fs::write(store.location(&flow), "").expect("damaged");
        let stored_text = stored(&mut *cursor).await.expect("told");
        assert_eq!(stored_text, "damaged: it is empty");
    }

    #[test]
    fn progress_is_told_by_partition() {
        let at = |partition, next_offset| Progress {
            topic: "t".into(),
            topic_id: "i".into(),
            partition,
            next_offset,
        };
        assert_eq!(written(&[]), "none");
        assert_eq!(written(&[at(0, 7), at(3, 1)]), "0:7 3:1");
        assert_ne!(user(), "unknown");
    }
}
