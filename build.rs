//! Compiles the wire contracts in `proto/` to Rust; no `protoc` is needed.

use std::path::Path;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo:rerun-if-changed=proto");
    let mut files = Vec::new();
    for entry in std::fs::read_dir("proto")? {
        let path = entry?.path();
        if path.extension().is_some_and(|it| it == "proto") {
            files.push(path);
        }
    }
    files.sort();
    let descriptors = protox::compile(&files, [Path::new("proto")])?;
    prost_build::Config::new()
        // Maps in key order, so that equal messages have equal bytes.
        .btree_map(["."])
        .compile_fds(descriptors)?;
    Ok(())
}
