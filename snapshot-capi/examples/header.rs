//! Prints the C header. `make header` puts it where it belongs, and `make
//! check` tells whether it is there.

use std::error::Error;
use std::io;
use std::path::Path;

fn main() -> Result<(), Box<dyn Error>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut config = cbindgen::Config::from_file(folder.join("cbindgen.toml"))?;
    config.after_includes = Some(format!(
        "\n/** The version that this header belongs to. */\n#define HARDSNAP_VERSION \"{}\"",
        env!("CARGO_PKG_VERSION")
    ));
    let bindings = cbindgen::Builder::new()
        .with_crate(folder)
        .with_config(config)
        .generate()?;
    bindings.write(io::stdout());
    Ok(())
}
