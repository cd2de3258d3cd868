//! Fenced blocks of a page, each with the comment before it.

/// A fenced block.
pub struct Block {
    /// The page and the line of the fence, for messages.
    pub at: String,
    /// The index of the first line of its body in the page.
    pub first: usize,
    /// The spaces before each of its lines.
    pub indent: usize,
    /// The word behind the fence.
    pub language: String,
    /// The text of the HTML comment before it; empty where there is none.
    pub comment: String,
    /// Its lines without the indent.
    pub body: Vec<String>,
}

impl Block {
    pub fn text(&self) -> String {
        let mut text = self.body.join("\n");
        text.push('\n');
        text
    }

    /// What the comment says behind `name:`.
    pub fn says(&self, name: &str) -> Option<&str> {
        let (before, value) = self.comment.split_once(':')?;
        (before == name).then(|| value.trim())
    }
}

/// All blocks of a page, in order.
pub fn blocks(page: &str, text: &str) -> Vec<Block> {
    let lines: Vec<&str> = text.lines().collect();
    let (mut found, mut comment, mut open) = (Vec::new(), String::new(), None::<Block>);
    for (index, line) in lines.iter().enumerate() {
        let inner = line.trim_start();
        if let Some(block) = &mut open {
            if inner == "```" {
                found.extend(open.take());
            } else {
                let indent = block.indent.min(line.len() - inner.len());
                block.body.push(line[indent..].to_owned());
            }
        } else if let Some(language) = inner.strip_prefix("```") {
            open = Some(Block {
                at: format!("{page}:{}", index + 1),
                first: index + 1,
                indent: line.len() - inner.len(),
                language: language.to_owned(),
                comment: std::mem::take(&mut comment),
                body: Vec::new(),
            });
        } else if let Some(text) = inner.strip_prefix("<!-- ") {
            comment = text.trim_end_matches("-->").trim().to_owned();
        } else if !inner.is_empty() {
            comment.clear();
        }
    }
    assert!(open.is_none(), "{page}: a block without an end");
    found
}

/// The page without its blocks and comments: line number, line.
pub fn prose(text: &str) -> Vec<(usize, &str)> {
    let (mut is_open, mut lines) = (false, Vec::new());
    for (index, line) in text.lines().enumerate() {
        let inner = line.trim_start();
        if inner.starts_with("```") {
            is_open = !is_open;
        } else if !is_open && !inner.starts_with("<!-- ") {
            lines.push((index + 1, line));
        }
    }
    lines
}

#[test]
fn blocks_keep_their_comment_and_lose_their_indent() {
    let page = "1. a\n\n   <!-- file: a.toml -->\n   ```toml\n   a = 1\n     b = 2\n   ```\n\n```sh\nls\n```\n";
    let found = blocks("page", page);
    assert_eq!(found.len(), 2);
    assert_eq!(found[0].says("file"), Some("a.toml"));
    assert_eq!(found[0].text(), "a = 1\n  b = 2\n");
    assert_eq!((found[0].first, found[0].indent), (4, 3));
    assert_eq!(found[1].comment, "");
    assert_eq!(prose(page), [(1, "1. a"), (2, ""), (8, "")]);
}
