//! A schema of protobuf: a `.proto` file with what it imports, or a compiled set of descriptors.

use std::{
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
};

use miette::{Diagnostic, SourceCode};
use prost_reflect::DescriptorPool;
use protox::Compiler;

use super::{reading::Scalar, section::Section};

/// The schema in `file`; its imports are looked for from `folder` on, else beside it. Every
/// mistake in it is told with its file and line.
pub(super) fn read(
    section: &Section<'_>,
    file: &Scalar,
    folder: Option<PathBuf>,
) -> Option<DescriptorPool> {
    let path = section.reading.path(&file.text);
    let wrong = |key: &str, span, message: String, help: Option<&str>| {
        section.wrong(key, span, message, help.map(str::to_owned));
    };
    let from_here = Some("a relative path starts at the settings file's folder");
    let bytes = match fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) => {
            let message = format!("{} cannot be read: {error}", file.quoted());
            wrong("file", &file.span, message, from_here);
            return None;
        }
    };
    if path.extension() != Some(OsStr::new("proto")) {
        let pool = DescriptorPool::decode(&bytes[..]);
        return pool
            .map_err(|error| {
                let message = format!("{} is no set of descriptors: {error}", file.quoted());
                let help = Some("a schema in text ends in `.proto`");
                wrong("file", &file.span, message, help);
            })
            .ok();
    }
    if let (Some(span), Some(folder)) = (section.written("folder"), &folder)
        && !is_below(&path, folder)
    {
        let message = format!("{} is not below this folder", file.quoted());
        wrong("folder", &span, message, from_here);
        return None;
    }
    match compile(&path, folder) {
        Ok(pool) => Some(pool),
        Err(error) => {
            for reported in reported(&error) {
                wrong("file", &file.span, reported, None);
            }
            None
        }
    }
}

fn is_below(path: &Path, folder: &Path) -> bool {
    match (path.canonicalize(), folder.canonicalize()) {
        (Ok(path), Ok(folder)) => path.starts_with(folder),
        _ => false,
    }
}

fn compile(path: &Path, folder: Option<PathBuf>) -> Result<DescriptorPool, protox::Error> {
    // In one form, as a file is looked for below its folder by its name.
    let path = path.canonicalize()?;
    let folder = match folder {
        Some(folder) => folder.canonicalize()?,
        None => path.parent().unwrap_or(Path::new("/")).to_owned(),
    };
    let mut compiler = Compiler::new([folder])?;
    compiler.include_imports(true).open_file(&path)?;
    Ok(compiler.descriptor_pool())
}

/// All that is wrong, each `file:line:column: what`.
fn reported(error: &protox::Error) -> Vec<String> {
    let whole: &dyn Diagnostic = error;
    let source = whole.source_code();
    let mut reported = vec![report_one(whole, source, error.file())];
    for one in whole.related().into_iter().flatten() {
        reported.push(report_one(one, one.source_code().or(source), error.file()));
    }
    reported
}

fn report_one(one: &dyn Diagnostic, source: Option<&dyn SourceCode>, file: Option<&str>) -> String {
    let label = one.labels().and_then(|mut it| it.next());
    let location = label.and_then(|it| {
        let found = source?.read_span(it.inner(), 0, 0).ok()?;
        Some(format!(":{}:{}", found.line() + 1, found.column() + 1))
    });
    match file {
        Some(file) => format!("{file}{}: {one}", location.unwrap_or_default()),
        None => one.to_string(),
    }
}
